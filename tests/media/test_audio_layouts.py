"""Every channel of an encoded track is heard from its own speaker, or from the nearest, by Debian's FFmpeg."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.media.audio import make_audio
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.plan.containers import CONTAINERS
from tests.media.films import Film
from tests.media.tones import RATE

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
NEAREST = {"SL": "BL", "SR": "BR", "FLC": "FL", "FRC": "FR", "TFL": "FL", "TFR": "FR", "BC": "BL+BR"}
NUM_SAMPLES = RATE // 2


def frequency(channel: str, number: int) -> int:
    """The tone of a channel in hertz; encoders keep only low ones of an LFE channel."""
    return 60 if channel == "LFE" else 300 + 200 * number


def channels(layout: str) -> list[str]:
    return [channel.name for channel in av.AudioLayout(layout).channels]


def archive_of_tones(layout: str, out: Path) -> Path:
    """An uncompressed track with a tone of its own in every channel."""
    instants = np.arange(NUM_SAMPLES) / RATE
    tones = [np.sin(2 * np.pi * frequency(name, number) * instants) for number, name in enumerate(channels(layout))]
    data = np.ascontiguousarray(0.3 * np.array(tones).T, np.float32).tobytes()
    header = StreamHeader(
        kind="audio",
        time_base=Fraction(1, RATE),
        codec="pcm_f32le",
        sample_rate=RATE,
        layout=layout,
        sample_format="flt",
    )
    packet = ArchivedPacket(
        stream=0, pts=0, dts=0, duration=NUM_SAMPLES, is_keyframe=True, is_discarded=False, data=data
    )
    with out.open("wb") as file, ArchiveWriter(file, [header], {}) as writer:
        writer.add(packet)
    return out


def speakers_by_channel(path: Path, layout: str) -> dict[str, str]:
    """By channel of the source: the speakers from which its tone is heard."""
    command = ["ffprobe", "-v", "error", "-select_streams", "a", "-show_streams", "-of", "json", str(path)]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    speakers = channels("mono" if stream["channels"] == 1 else stream["channel_layout"])
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    window = slice(RATE // 10, RATE // 10 + RATE // 4)
    heard = np.frombuffer(raw, np.float32).reshape(-1, len(speakers)).T[:, window]
    level = np.abs(np.fft.rfft(heard * np.hanning(heard.shape[1]), axis=1)) / heard.shape[1] * 4
    found = {}
    for number, name in enumerate(channels(layout)):
        tone = level[:, frequency(name, number) // 4]
        found[name] = "+".join(speaker for speaker, loud in zip(speakers, tone, strict=True) if loud > 0.05)
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize(
    "layout", ["3.1", "quad(side)", "5.0", "5.1(side)", "6.1", "6.1(back)", "7.1", "7.1(wide)", "5.1.2"]
)
def test_every_channel_is_heard_from_its_own_speaker_or_the_nearest(tmp_path: Path, layout: str, suffix: str) -> None:
    audio = tmp_path / "audio.packets"
    make_audio(
        archive_of_tones(layout, tmp_path / "source.packets"),
        audio,
        mode="stretch",
        slowdown=Fraction(1),
        duration_s=Fraction(1, 2),
        container=CONTAINERS[suffix],
        zero_s=Fraction(0),
    )
    film = Film(
        codec="vp9" if suffix == ".webm" else "h264", rate=Fraction(2), size=(32, 32), encode={"preset": "ultrafast"}
    )
    path = film.stitched(tmp_path, suffix, (1,), audio=audio).path
    found = speakers_by_channel(path, layout)
    assert found == {name: name if found[name] == name else NEAREST[name] for name in found}
