"""Whole jobs on files that change midway: joined ones are published complete and in sync, others fail with a reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from tests.clips.film import Film
from tests.clips.film import joined as one_stream
from tests.clips.joins import Part, joined
from tests.end_to_end.running import frame_hashes
from tests.media.tones import clicks, heard

BLEND = ("--method", "blend", "--slowdown", "2")


def test_a_joined_file_is_published_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [Part(), Part(first=100, audio_s=0.6, clicks_s=(0.4,)), Part(first=200)]
    source, output = tmp_path / "joined.ts", tmp_path / "out.mp4"
    source.write_bytes(joined(parts, ".ts"))
    assert main(["convert", str(source), str(output), *BLEND]) == 0
    assert "the timestamps jump 2 times (at 1.00 s, 2.00 s)" in capsys.readouterr().out
    assert len(frame_hashes(output)) == 150
    assert clicks(*heard(output)) == pytest.approx([0.6, 1.4, 2.8, 4.6, 5.4], abs=0.01)


def test_frames_are_held_between_parts_whose_pictures_are_alike(tmp_path: Path) -> None:
    """As in a recording that was paused for a moment."""
    source, output = tmp_path / "joined.ts", tmp_path / "out.mkv"
    source.write_bytes(joined([Part(), Part(first=25)], ".ts"))
    assert main(["convert", str(source), str(output), *BLEND, "--codec", "ffv1"]) == 0
    frames = frame_hashes(output)
    assert frames[49] in (frames[48], frames[50])
    assert frames[99] == frames[98]
    assert len(set(frames)) == len(frames) - 2  # all others are different


def test_a_change_that_only_a_worker_sees_fails_the_video_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MPEG-4 part 2 is not searched for headers of another size."""
    source, output = tmp_path / "grows.ts", tmp_path / "out.mp4"
    before = Film(codec="mpeg4", options={"g": "10"}, num_frames=60, suffix=".ts")
    source.write_bytes(one_stream(before, replace(before, num_frames=100, size=(96, 64))))
    assert main(["convert", str(source), str(output), *BLEND]) == 1
    answer = capsys.readouterr().out
    assert "changes midway, expected 64x48" in answer
    assert "retry  " not in answer
    assert not output.exists()
