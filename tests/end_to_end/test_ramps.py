"""A ramp from the manifest to the file: its frames, in chunks of any size, and its audio in sync."""

from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from tests.clips.joins import Part, part_bytes
from tests.end_to_end.running import frame_hashes
from tests.media.tones import clicks, heard

RAMP = "0.4 1, 0.8 4, 1.2 4, 1.6 1"
"""Its parts last 0.4, 0.64, 1.6, 0.64 and 0.4 s."""
CLICKS_S = {0.3: 0.3, 0.6: 0.63137, 1.0: 1.84, 1.8: 3.48}
"""When clicks of the source are heard. The second is in a part in which the speed falls: 0.4 s + 0.64 u s, with
2 u - 0.75 u^2 = 0.625."""


def source_in(folder: Path) -> Path:
    source = folder / "in.mkv"
    source.write_bytes(part_bytes(Part(num_frames=50, clicks_s=tuple(CLICKS_S)), ".mkv"))
    return source


def convert(source: Path, output: Path, *more: str) -> int:
    return main(["convert", str(source), str(output), "--method", "blend", "--codec", "ffv1", *more])


def test_a_ramp_has_the_same_frames_in_chunks_of_any_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = source_in(tmp_path)
    assert convert(source, tmp_path / "out.mkv", "--set", f"retime.ramp={RAMP}") == 0
    answer = capsys.readouterr().out
    assert "ramp: parts of 10, 16, 40, 16, 10 output frames" in answer
    assert "in 1 chunk" in answer
    assert convert(source, tmp_path / "3.mkv", "--set", f"retime.ramp={RAMP}", "--set", "chunks.pairs=3") == 0
    frames = frame_hashes(tmp_path / "out.mkv")
    assert frames == frame_hashes(tmp_path / "3.mkv")
    assert len(frames) == 92
    assert frames[:10] == frame_hashes(source)[:10]
    assert frames[-10:] == frame_hashes(source)[-10:]
    assert len(set(frames)) == 92
    assert clicks(*heard(tmp_path / "out.mkv")) == pytest.approx(list(CLICKS_S.values()), abs=0.01)


def test_a_ramp_within_a_range(tmp_path: Path) -> None:
    """Its keys count from the first frame of the source."""
    source = source_in(tmp_path)
    options = (
        "--start",
        "0.4",
        "--end",
        "1.2",
        "--set",
        "retime.ramp=[{at: 0.4, slowdown: 1}, {at: 0.8, slowdown: 4}]",
    )
    assert convert(source, tmp_path / "out.mkv", *options) == 0
    frames = frame_hashes(tmp_path / "out.mkv")
    assert len(frames) == 16 + 40
    assert (frames[0], frames[16]) == (frame_hashes(source)[10], frame_hashes(source)[20])
    assert clicks(*heard(tmp_path / "out.mkv")) == pytest.approx([0.23137, 1.44], abs=0.01)


@pytest.mark.parametrize("keys", ["0 1, 2.5 2", "0.5 1, 0.51 2, 0.515 3", "1 1, 0.5 2"])
def test_keys_out_of_order_or_beyond_the_end_fail_the_video(
    keys: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(source_in(tmp_path), tmp_path / "out.mkv", "--set", f"retime.ramp={keys}") == 1
    assert "a key of retime.ramp is outside the video or its range" in capsys.readouterr().out


def test_audio_that_is_stretched_a_lot_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(source_in(tmp_path), tmp_path / "out.mkv", "--set", "retime.ramp=0 1, 0.4 5, 0.8 1") == 0
    assert "audio is stretched by up to 5: above 4 it sounds unnatural" in capsys.readouterr().out
