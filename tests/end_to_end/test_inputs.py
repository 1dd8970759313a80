"""Several inputs that name one video, and inputs that name none: nothing is moved, made twice or silently ignored."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.cli.main import main
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job

ARCHIVE = "in/**/*.mp4"
AGAIN = {"uri": "in/x/b.mp4", "retime": {"slowdown": 3}}
SECTIONS = {
    "output": {"uri": "out/{relpath}/{stem}.mkv"},
    "interpolate": {"method": "duplicate"},
    "encode": {"codec": "ffv1"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in" / "x").mkdir(parents=True)
    for name in ("a.mp4", "x/b.mp4"):
        (tmp_path / "in" / name).write_bytes(clip("one_frame").data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def events(capsys: pytest.CaptureFixture[str], command: str, inputs: Sequence[Any]) -> list[dict[str, Any]]:
    job = Job(Path()).write(inputs, **SECTIONS)
    capsys.readouterr()
    assert main([command, str(job.manifest), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def outputs(folder: Path) -> set[str]:
    return {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.mkv")}


def test_naming_a_video_again_gives_it_settings_and_moves_no_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "t.jsonl").write_text('{"uri": "in/a.mp4", "retime.slowdown": 2}\n')
    shown = events(capsys, "run", [ARCHIVE, AGAIN, {"table": "t.jsonl"}])
    assert outputs(folder) == {"a.mkv", "x/b.mkv"}
    frames = {Path(event["uri"]).stem: event["num_frames"] for event in shown if event["event"] == "video_published"}
    assert frames == {"a": 2, "b": 3}


def test_a_video_published_under_the_name_of_another_input_is_not_made_twice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events(capsys, "run", [AGAIN])
    assert outputs(folder) == {"b.mkv"}
    planned = [event for event in events(capsys, "plan", [ARCHIVE, AGAIN]) if event["event"] == "video"]
    assert {Path(row["uri"]).stem: row["state"] for row in planned} == {"a": "make", "b": "skip"}
    shown = events(capsys, "run", [ARCHIVE, AGAIN])
    assert outputs(folder) == {"a.mkv", "b.mkv"}
    [skipped] = [event for event in shown if event["event"] == "video_skipped"]
    assert skipped["output_uri"] == f"{folder}/out/b.mkv"
    assert skipped["reason"] == f"published before as {folder}/out/b.mkv, the name that another input gives"
    [started] = [event for event in shown if event["event"] == "job_started"]
    assert (started["num_videos"], started["videos_done"]) == (1, 1)


def test_an_output_made_with_other_settings_is_not_mistaken_for_the_deleted_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def states(slowdown: int, command: str = "run") -> set[str]:
        shown = events(capsys, command, [{"uri": ARCHIVE, "retime": {"slowdown": slowdown}}])
        return {event.get("state", event["event"]) for event in shown if event["event"].startswith("video")}

    assert "video_published" in states(2)
    for path in (folder / "out").rglob("*.mkv"):
        path.unlink()
    assert "video_published" in states(3)
    assert states(3) == {"video_skipped"}
    job = Job(Path()).write([{"uri": ARCHIVE, "retime": {"slowdown": 2}}], **SECTIONS)
    assert main(["run", str(job.manifest)]) == 1
    assert "this job did not make it from this source with these settings" in capsys.readouterr().out
    for path in (folder / "out").rglob("*.mkv"):
        path.unlink()
    assert "video_published" in states(2)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_all_unusable_weights_are_reported_together(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {"in/a.mp4": "compct", "in/x/b.mp4": "no.ckpt"}
    inputs = [{"uri": uri, "interpolate": {"method": "superslomo", "weights": name}} for uri, name in weights.items()]
    job = Job(Path()).write(inputs, **SECTIONS)
    assert main([command, str(job.manifest)]) == 2
    first, *faults = capsys.readouterr().err.splitlines()
    assert first == "slomo-batch: weights of several names cannot be used"
    assert faults[0].startswith(f"  {folder}/in/a.mp4: no shipped weights of this name")
    assert faults[1].startswith(f"  {folder}/in/x/b.mp4: no.ckpt: weights not found")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_input_that_names_no_video_is_a_note_and_a_fault_with_strict(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = ["in/a.mp4", "none/*.mp4", "in/*.mov"]
    shown = events(capsys, command, inputs)
    empty = [event["uri"] for event in shown if event["event"] == "note" and event["text"] == "no videos found"]
    assert empty == ["none/*.mp4", "in/*.mov"]
    (folder / "out" / "a.mkv").unlink(missing_ok=True)
    assert main([command, "manifest.yaml", "--strict"]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error == [
        "slomo-batch: inputs without videos. Correct or remove them, or run without --strict.",
        "  none/*.mp4",
        "  in/*.mov",
    ]
    assert not outputs(folder)
