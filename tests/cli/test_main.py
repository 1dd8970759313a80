"""The command line: help, and the commands without a job."""

import json
from pathlib import Path

import pytest

from slomo_batch import __version__
from slomo_batch.cli import main as cli
from slomo_batch.manifest.schema import json_schema
from tests.strangers import as_stranger, open_folder


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"slomo-batch {__version__}\n"


@pytest.mark.parametrize("command", [[], ["run"], ["convert"], ["plan"], ["weights", "import"], ["archive", "dump"]])
def test_help_names_the_arguments_of_a_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    assert "usage: slomo-batch" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["weights"]])
def test_without_a_command_the_help_is_printed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == 2
    bare = capsys.readouterr().err
    assert cli.main([*command, "--help"]) == 0
    assert capsys.readouterr().out == bare


def test_schema_prints_the_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_status_of_a_name_requires_the_work_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "derby-2019"]) == 2
    assert "pass the work place with --work" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "gc", "timeline", "report"])
def test_a_manifest_that_cannot_be_read_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", "written"] if command in {"timeline", "report"} else []
    with open_folder() as folder:
        (folder / "closed").mkdir(mode=0)
        path = f"{folder}/closed/job.yaml"
        with as_stranger():
            assert cli.main([command, path, *options]) == 2
    assert capsys.readouterr().err == f"slomo-batch: {path}: cannot be read: Permission denied\n"
    assert cli.main([command, "s" * 300, *options]) == 2
    assert "pass the work place with --work" in capsys.readouterr().err


def test_a_file_that_is_not_an_archive_is_an_error_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chunk"
    assert cli.main(["archive", "dump", str(path)]) == 2
    assert "No such file" in capsys.readouterr().err
    path.write_bytes(b"not an archive")
    assert cli.main(["archive", "dump", str(path)]) == 2
    assert f"{path}, byte 0: not a packet archive" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["compare", "a.mp4"], ["evaluate", "a.mp4", "b.mp4"]])
def test_a_missing_clip_is_an_error_of_the_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--method" if command[0] == "evaluate" else "--methods", "blend"]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown == [
        "slomo-batch: cannot read the input",
        *(f"  {Path(name).absolute()}: no such file" for name in command[1:]),
    ]
