"""A range of a video has the frames of the whole conversion, and its sound to the sample."""

from fractions import Fraction
from itertools import accumulate, cycle, islice
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.cli.main import main
from tests.clips.catalogue import clip
from tests.clips.film import GOP, AudioTone, Film, made
from tests.clips.joins import Part, joined
from tests.end_to_end.running import frame_hashes
from tests.media.tones import heard

BLEND = ("--method", "blend", "--codec", "ffv1", "--set", "audio=drop")
MILLISECOND = Fraction(1, 1000)
VARIABLE = list(accumulate(islice(cycle((40, 33, 47)), 49), initial=0))
SOURCES = {
    "film.mp4": lambda: made(Film(options=GOP, num_frames=50)),
    "joined.ts": lambda: joined([Part(), Part(first=100)], ".ts"),
    "vfr.mkv": lambda: made(Film(suffix=".mkv", options=GOP, num_frames=50, pts=VARIABLE, time_base=MILLISECOND)),
    "refresh.mp4": lambda: clip("intra_refresh").data,
}


def convert(source: Path, output: Path, *more: str) -> list[str]:
    assert main(["convert", str(source), str(output), *BLEND, "--slowdown", "2.5", *more]) == 0
    return frame_hashes(output)


@pytest.mark.parametrize("name", SOURCES)
def test_a_range_has_the_frames_of_the_whole_conversion(name: str, tmp_path: Path) -> None:
    """In other chunks, and around its end too, which depends on source frames beyond it.

    A source frame begins at 0.4 s and at 1.2 s in all of these.
    """
    source = tmp_path / name
    source.write_bytes(SOURCES[name]())
    whole = convert(source, tmp_path / "whole.mkv", "--fps", "25")
    chunks = ("--set", "chunks.pairs=7")
    part = convert(source, tmp_path / "part.mkv", "--start", "0.4", "--duration", "0.8", "--fps", "25", *chunks)
    first = 25
    assert len(part) == 50
    assert part == whole[first : first + len(part)]


def test_the_sound_of_a_range_is_cut_to_the_sample(tmp_path: Path) -> None:
    source, whole, part = tmp_path / "film.mkv", tmp_path / "whole.mkv", tmp_path / "part.mkv"
    tone = AudioTone(codec="flac", sample_rate=48_000)
    source.write_bytes(made(Film(suffix=".mkv", options=GOP, num_frames=50, audio=(tone,))))
    options = ("--method", "blend", "--slowdown", "1")
    assert main(["convert", str(source), str(whole), *options]) == 0
    assert main(["convert", str(source), str(part), *options, "--start", "00:00:00:07", "--end", "1:00"]) == 0
    samples, rate = heard(whole)
    cut, _ = heard(part)
    begin = round(Fraction(7, 25) * rate)
    assert np.array_equal(cut, samples[:, begin : begin + cut.shape[1]])
    assert cut.shape[1] == round(Fraction(43, 25) * rate)


def test_a_range_without_a_frame_fails_the_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(SOURCES["film.mp4"]())
    assert main(["convert", str(source), str(tmp_path / "out.mp4"), "--start", "60"]) == 1
    assert "retime.range contains no frame of the video, expected a part of 2.000 s" in capsys.readouterr().out


def test_an_end_and_a_duration_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(SOURCES["film.mp4"]())
    assert main(["convert", str(source), str(tmp_path / "out.mp4"), "--end", "2", "--duration", "x"]) == 2
    assert "'x' is not a time; use a form such as 90.5" in capsys.readouterr().err
    assert main(["convert", str(source), str(tmp_path / "out.mp4"), "--end", "2", "--duration", "3"]) == 2
    assert "set either end or duration, got end 2 and duration 3" in capsys.readouterr().err
