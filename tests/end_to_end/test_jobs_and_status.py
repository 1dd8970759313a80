"""`jobs`, and `status` of a name, of an output and of a run that goes on."""

import json
import time
from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job
from tests.processes import Command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a converted video, and a finished job."""
    folder = tmp_path_factory.mktemp("footage")
    (folder / "a.mp4").write_bytes(clip("one_frame").data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        quick = ("--method", "blend", "--slowdown", "2")
        assert main(["convert", str(folder / "a.mp4"), str(folder / "o.mp4"), *quick]) == 0
        job = Job(folder / "derby", "derby").write([str(folder / "a.mp4")], interpolate={"method": "blend"})
        assert main(["run", str(job.manifest)]) == 0
    return folder


@pytest.fixture(autouse=True)
def _same_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


def test_jobs_lists_the_conversions_or_the_jobs_of_a_work_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["job"].startswith("convert-a-")
    assert main(["jobs"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head == f"1 job in {folder}/state/slomo-batch:"
    assert line.startswith("  a.mp4  finished ")
    assert line.endswith(f"  -> {folder}/o.mp4")
    for place in (folder / "derby" / "work", folder / "derby" / "manifest.yaml"):
        assert main(["jobs", str(place)]) == 0
        head, job = capsys.readouterr().out.splitlines()
        assert head == f"1 job in {folder}/derby/work:"
        assert job.split()[:2] == ["derby", "finished"]
    assert main(["jobs", str(folder / "none")]) == 0
    assert capsys.readouterr().out == f"no jobs in {folder}/none\n"


def test_a_finished_job_is_shown_with_its_outputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "derby", "--work", str(folder / "derby" / "work"), "--watch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  the latest run began 20")
    assert lines[2:] == [
        "  videos 1/1, 0 failed",
        "  chunks 1/1, frames 4/4",
        "  1 output published:",
        f"    {folder}/derby/out/a.mkv",
    ]


def test_many_outputs_are_listed_by_name_without_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = {
        "version": 1,
        "name": "many",
        "inputs": [{"uri": str(tmp_path / "in" / "*.mp4")}],
        "output": {"uri": str(tmp_path / "out" / "{stem}.mkv")},
        "work": str(tmp_path / "work"),
        "interpolate": {"method": "blend"},
        "cluster": {"address": "inline"},
    }
    (tmp_path / "job.yaml").write_text(json.dumps(manifest))
    names = [f"{number:02}" for number in range(12)]
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / f"{name}.mp4").write_bytes(clip("one_frame").data)
    assert main(["run", str(tmp_path / "job.yaml"), "-q"]) == 0
    capsys.readouterr()
    outputs = [f"    {tmp_path}/out/{name}.mkv" for name in names]
    assert main(["status", str(tmp_path / "job.yaml")]) == 0
    assert capsys.readouterr().out.splitlines()[4:] == [
        "  12 outputs published:",
        *outputs[:10],
        "    and 2 more; --outputs lists all",
    ]
    assert main(["status", str(tmp_path / "job.yaml"), "--outputs"]) == 0
    assert capsys.readouterr().out.splitlines()[4:] == ["  12 outputs published:", *outputs]


def test_a_conversion_that_failed_is_listed_with_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    source = tmp_path / "my film (1).mp4"
    source.write_bytes(b"no video" * 99)
    assert main(["convert", str(source), str(tmp_path / "o.mp4")]) == 1
    capsys.readouterr()
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split("  ")[1:3] == ["my film (1).mp4", "finished"]


def test_settings_that_name_a_job_are_taken_as_by_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = folder / "derby" / "manifest.yaml"
    assert main(["status", str(manifest), "--set", "name=other"]) == 0
    assert capsys.readouterr().out == "other: the job has not started in this work place\n"
    assert main(["gc", str(manifest), "--set", "nome=other"]) == 2
    assert "did you mean name?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "gc"])
def test_an_unknown_name_is_an_error_that_lists_the_jobs(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = folder / "derby" / "work"
    assert main([command, "darby", "--work", str(work)]) == 2
    said = capsys.readouterr().err
    assert said == f"slomo-batch: {work}: no job named 'darby' in this work place. Jobs there: derby.\n"


def test_a_work_place_one_folder_too_high_is_recognized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".slomo-work").mkdir()
    assert main(["status", "derby", "--work", str(tmp_path)]) == 2
    assert f"Did you mean --work {tmp_path}/.slomo-work?" in capsys.readouterr().err


def test_the_status_of_an_output_says_what_it_was_made_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = folder / "o.mp4"
    assert main(["status", str(output)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == [f"{output}: published, and unchanged since", f"  made from {folder}/a.mp4"]
    data = output.read_bytes()
    try:
        output.write_bytes(data + b"more")
        assert main(["status", str(output), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["state"], found["source"]) == ("modified", f"{folder}/a.mp4")
        output.unlink()
        assert main(["status", str(output)]) == 0
        assert "modified or removed" in capsys.readouterr().out
    finally:
        output.write_bytes(data)
    assert main(["status", str(folder / "none.mp4")]) == 2
    assert "no job that makes this output was found" in capsys.readouterr().err


def test_a_killed_conversion_is_found_by_its_output_and_resumed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "long.mp4", tmp_path / "slow.mp4"
    source.write_bytes(clip("cfr").data)
    options = ("--slowdown", "4", "--set", "chunks.pairs=2", "--preset", "ultrafast")
    driver = Command("convert", str(source), str(output), *options, one_stream=True)
    jobs = folder / "state" / "slomo-batch" / "jobs"
    while not list(jobs.glob("convert-long-*/videos/*/commits/*.json")):
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.02)
    driver.kill()
    driver.communicate()
    assert main(["status", str(output)]) == 0
    first, source_line, chunks, _ = capsys.readouterr().out.splitlines()
    assert first == f"{output}: not finished; run the same command again to continue"
    assert source_line == f"  made from {source}"
    assert "chunks made" in chunks
    assert main(["convert", str(source), str(output), *options, "--json"]) == 0
    ended = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (ended["event"], ended["videos_published"]) == ("job_ended", 1)
    assert 0 < ended["num_frames"] < 4 * 40, "what was committed is not made again"
