"""Bugs have an exit code of their own, and what a user or the machine causes is not reported as a bug."""

import importlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from slomo_batch.cli import files
from slomo_batch.cli import main as cli
from tests.strangers import as_stranger, open_folder

ROOT = Path(__file__).parents[2]


def test_a_bug_is_reported_as_one_with_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise ZeroDivisionError

    monkeypatch.setattr(sys, "stdout", Broken())
    assert cli.main(["schema"]) == 70
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "this is a bug in slomo_batch" in shown


def test_a_permission_error_is_not_reported_as_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["evaluate", "none"])  # imports modules that another user may not read
    with open_folder() as folder:
        (folder / "closed").mkdir(mode=0)
        with as_stranger():
            assert cli.main(["evaluate", f"{folder}/closed/a.mp4"]) == 2
            monkeypatch.setattr(files, "_weights_list", lambda _: len((folder / "closed/a").read_bytes()))
            assert cli.main(["weights", "list"]) == 3
    assert "Permission denied" in capsys.readouterr().err
    monkeypatch.setattr(files, "_weights_list", lambda _: len((folder / "none").read_bytes()))
    assert cli.main(["weights", "list"]) == 70


def test_a_deleted_current_folder_is_not_reported_as_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for name in ("a.mp4", f"{tmp_path}/a.mp4"):  # also where no path needs the folder: libraries do
        assert cli.main(["convert", name, f"{tmp_path}/b.mp4"]) == 2
        shown = capsys.readouterr().err
        assert shown == "slomo-batch: the current folder was deleted. Change to a folder that exists.\n"
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("none left"),
        RuntimeError("can't start new thread"),
        ImportError("libarrow.so.2600: failed to map segment from shared object"),
    ],
)
def test_a_limit_of_the_machine_is_not_reported_as_a_bug(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def limited(_: object) -> int:
        raise error

    monkeypatch.setattr(files, "_weights_list", limited)
    assert cli.main(["weights", "list"]) == 3
    shown = capsys.readouterr().err
    assert str(error) in shown
    assert "ulimit" in shown
    assert "Traceback" not in shown


def test_a_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(files, "_weights_list", lambda _: importlib.import_module("slomo_batch.none"))
    assert cli.main(["weights", "list"]) == 70
    assert "this is a bug" in capsys.readouterr().err


def test_a_closed_pipe_is_not_reported_as_a_bug() -> None:
    command = f"{sys.executable} -m slomo_batch schema | head -c 1"
    done = subprocess.run(["bash", "-c", f"{command}; true"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "{"
    assert done.stderr == ""
