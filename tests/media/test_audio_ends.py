"""A copied track states its delay and its end in the way of its new container, by Debian's FFmpeg."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.media.audio import make_audio
from slomo_batch.plan.containers import CONTAINERS
from tests.media.films import Film
from tests.media.tones import RATE, archived

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
DURATION_S = Fraction(1)
LOW_DELAY = 120
"""Samples of delay of libopus for low delay; by default it has 312."""


def track_of(path: Path, codec: str, *options: str) -> Path:
    """A file of one audio track of one second, made by Debian's FFmpeg."""
    tone = ["-f", "lavfi", "-i", f"sine=440:sample_rate={RATE}:duration={DURATION_S}"]
    subprocess.run(["ffmpeg", "-v", "error", *tone, "-c:a", codec, *options, "-strict", "-2", str(path)], check=True)
    return path


def copied(source: Path, suffix: str) -> Path:
    """A stitched file with the tracks of `source`, copied."""
    folder = source.parent
    audio = folder / "audio.packets"
    result = make_audio(
        archived(source, folder / "source.packets"),
        audio,
        mode="keep",
        slowdown=Fraction(1),
        duration_s=DURATION_S,
        container=CONTAINERS[suffix],
        zero_s=Fraction(0),
    )
    assert result.notes == ()
    film = Film(codec="vp9" if suffix == ".webm" else "h264", rate=Fraction(2), size=(32, 32))
    return film.stitched(folder, suffix, (2,), audio=audio).path


def num_heard(path: Path) -> int:
    """Number of samples that Debian's FFmpeg decodes."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "a:0", "-ac", "1", "-f", "f32le", "-"]
    return len(np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32))


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_copied_opus_states_the_delay_of_its_source(tmp_path: Path, suffix: str) -> None:
    path = copied(track_of(tmp_path / "source.mkv", "libopus", "-application", "lowdelay"), suffix)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.delay == LOW_DELAY
    assert num_heard(path) == DURATION_S * RATE


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_opus_copied_from_mp4_ends_where_its_source_ends(tmp_path: Path, suffix: str) -> None:
    assert num_heard(copied(track_of(tmp_path / "source.mp4", "libopus"), suffix)) == DURATION_S * RATE


def test_opus_copied_to_mp4_states_its_end_by_the_duration(tmp_path: Path) -> None:
    path = copied(track_of(tmp_path / "source.webm", "libopus"), ".mp4")
    command = ["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=duration", "-of", "csv=p=0"]
    duration_s = subprocess.run([*command, str(path)], capture_output=True, check=True, text=True).stdout
    assert float(duration_s) == pytest.approx(DURATION_S, abs=0.001)


def test_aac_with_another_delay_than_the_encoders_is_not_heard_before_zero(tmp_path: Path) -> None:
    source = track_of(tmp_path / "long.mp4", "aac")
    cut = tmp_path / "source.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-ss", "0.1", "-i", str(source), "-c", "copy", str(cut)], check=True)
    with av.open(str(copied(cut, ".mkv"))) as container:
        first = next(container.demux(audio=0))
        delay_s = Fraction(container.streams.audio[0].codec_context.delay, RATE)
        assert delay_s not in {0, Fraction(1024, RATE)}
        assert abs(delay_s + (first.pts or 0) * first.time_base) < Fraction(1, 1000)
