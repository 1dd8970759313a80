"""Streams that cannot be written: displays and logs are dropped, answers fail with 3, nothing is called a bug."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from slomo_batch.cli.main import main
from slomo_batch.cli.streams import for_display
from slomo_batch.report.terminal import RichDisplay
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job
from tests.report.events import EVENTS

QUICK = {"interpolate": {"method": "duplicate"}, "retime": {"slowdown": 1}, "encode": {"preset": "ultrafast"}}
NO_SPACE = "No space left on device"


FULL = Path("/dev/full")


@pytest.fixture(params=["full", "a pipe without a reader", "read only"])
def broken(request: pytest.FixtureRequest) -> Iterator[TextIO]:
    """A stream that refuses every write."""
    if request.param == "full":
        descriptor = os.open(FULL, os.O_WRONLY)
    elif request.param == "a pipe without a reader":
        reading, descriptor = os.pipe()
        os.close(reading)
    else:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    with os.fdopen(descriptor, "w") as stream:
        yield stream


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("job")
    (folder / "é日本.mp4").write_bytes(clip("one_frame").data)
    return Job(folder / "job").write([f"{folder}/é日本.mp4"], **QUICK)


@pytest.mark.parametrize(
    "arguments", [["schema"], ["--help"], ["--version"], ["weights", "list"], ["plan", "JOB"], ["status", "JOB"]]
)
def test_an_answer_that_cannot_be_written_is_a_failure_and_not_a_bug(
    arguments: list[str], job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main([str(job.manifest) if word == "JOB" else word for word in arguments]) == 3
    assert capsys.readouterr().err == f"slomo-batch: standard output: cannot be written, got {NO_SPACE}\n"


def test_an_answer_in_a_file_that_cannot_be_written_is_a_failure_and_not_a_bug(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(job.manifest), "--force"]) == 0
    capsys.readouterr()
    for command in ("timeline", "report"):
        assert main([command, str(job.manifest), "--out", "/dev/full"]) == 3
        assert capsys.readouterr().err == f"slomo-batch: /dev/full: cannot be written, got {NO_SPACE}\n"


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_run_continues_without_its_display(
    option: list[str], broken: TextIO, job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", broken)
    assert main(["run", str(job.manifest), "--force", *option]) == 0
    [shown] = capsys.readouterr().err.splitlines()
    assert shown.startswith("slomo-batch: standard output cannot be written (")
    assert len(job.receipts()) == 1


def test_a_run_continues_without_its_log(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(job.manifest), "--force", "--log", "/dev/full"]) == 0
    said = capsys.readouterr()
    assert "1 video published" in said.out
    log = f"the log /dev/full cannot be written ({NO_SPACE}): the work continues without it"
    assert said.err == f"slomo-batch: {log}\n"


def test_a_command_that_cannot_complain_keeps_its_exit_code(broken: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", broken)
    assert main(["plan", "nothing.yaml"]) == 2
    assert main(["frobnicate"]) == 2


def test_missing_standard_streams_are_dev_null(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["run", str(job.manifest), "--force"]) == 0
    assert main(["plan", str(job.manifest)]) == 0
    assert main(["plan", "-"]) == 2
    assert main(["plan", "nothing.yaml"]) == 2


@pytest.mark.parametrize(
    ("command", "expected"), [("plan - <&-", 2), ("schema >&-", 0), ("frobnicate 2>&-", 2), ("schema >/dev/full", 3)]
)
def test_the_exit_code_of_a_process_is_the_command_s(command: str, expected: int) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m slomo_batch {command}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr, "Exception" in done.stderr) == (expected, False, False)


def test_a_name_that_the_terminal_cannot_show_is_escaped(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="latin-1", write_through=True))
    assert main(["plan", "-v", str(job.manifest)]) == 0
    assert r"é\u65e5\u672c.mp4".encode("latin-1") in shown.getvalue()


def test_bars_on_a_closed_terminal_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal, RichDisplay(for_display(terminal, "standard output")) as display:
        os.close(master)
        for event in EVENTS:
            display.show(event)
    assert capsys.readouterr().err.count("standard output cannot be written (Input/output error)") == 1


def test_the_buffer_of_a_dropped_log_does_not_fail_at_its_end() -> None:
    with FULL.open("w") as full:
        log = for_display(full, "the log")
        log.write("held back")
        log.close()
        assert full.closed
