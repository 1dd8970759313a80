"""Audio whose timestamps cannot be right is as long as its samples."""

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.media.audio import AudioResult, make_audio
from slomo_batch.media.made_tracks import made_tracks
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.pcm import PcmTrack
from slomo_batch.plan.containers import CONTAINERS
from tests.clips.film import AudioTone, add_audio
from tests.media.sources import Opened

RATE = 8000
PCM = StreamHeader(
    kind="audio", codec="pcm_s16le", time_base=Fraction(1, RATE), sample_rate=RATE, layout="mono", sample_format="s16"
)
WRONG = "its timestamps do not fit the length of its samples, so they are not used"


def avi(codec: str, rate: int, seconds: int = 3) -> bytes:
    """A film with a tone, as FFmpeg writes it."""
    out = io.BytesIO()
    with av.open(out, "w", format="avi") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        track = add_audio(container, AudioTone(codec=codec, sample_rate=rate))
        for _ in range(25 * seconds):
            container.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(video.encode(None))
        wave = (8000 * np.sin(np.arange(rate * seconds) / 5)).astype(np.int16)
        size = track.codec_context.frame_size or 320
        for start in range(0, len(wave) - size + 1, size):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + size], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(track.encode(frame))
    return out.getvalue()


@pytest.mark.parametrize(("codec", "rate"), [("g726", 8000), ("g722", 16000)])
def test_a_track_whose_header_states_a_wrong_unit_is_as_long_as_its_samples(
    codec: str, rate: int, tmp_path: Path
) -> None:
    opened = Opened.of("film", avi(codec, rate))
    (part,) = opened.split([], tmp_path, audio=True)
    out = tmp_path / "made.packets"
    result = kept(part.path, out)
    assert WRONG in result.notes[1]
    (track,) = made_tracks(out)
    end = max((packet.pts or 0) + (packet.duration or 0) for packet in track.packets)
    assert float(end * track.header.time_base) == pytest.approx(3, abs=0.2)  # a block is 0.256 s


def kept(source: Path, out: Path, seconds: int = 3) -> AudioResult:
    return make_audio(
        source,
        out,
        mode="keep",
        slowdown=Fraction(1),
        duration_s=Fraction(seconds),
        container=CONTAINERS[".mp4"],
        zero_s=Fraction(0),
    )


def blocks(folder: Path, time_of: Callable[[int], int], end_s: Fraction | None = None) -> tuple[int, PcmTrack]:
    """The number of samples made of 50 packets of 160 samples, packet n at tick time_of(n); and the track."""
    header = replace(PCM, codec="pcm_s16le")
    packets = [
        ArchivedPacket(
            stream=0, pts=time_of(n), dts=None, duration=160, is_keyframe=True, is_discarded=False, data=b"\1\0" * 160
        )
        for n in range(50)
    ]
    with (folder / "source.packets").open("wb") as file, ArchiveWriter(file, [header], {}) as writer:
        for packet in packets:
            writer.add(packet)
    track = PcmTrack(lambda: iter(packets), header, zero_s=Fraction(0), end_s=end_s)
    return sum(block.shape[1] for block in track.blocks()), track


@pytest.mark.parametrize(
    ("time_of", "expected", "is_wrong"),
    [
        (lambda n: 160 * n, 8000, False),
        (lambda n: 160 * 160 * n, 8000, True),  # bytes, taken for samples
        (lambda n: n, 8000, True),  # packets, taken for samples
        (lambda n: 320 * n, 15_840, False),  # every other packet was lost
        (lambda n: 160 * n + 8000 * (n > 25), 16_000, False),  # a hole of a second
        (lambda n: 160 * n + 8000 * 500 * (n == 49), 4_008_000, False),
    ],
)
def test_timestamps_that_run_many_times_too_fast_or_too_slowly_are_not_used(
    time_of: Callable[[int], int], expected: int, is_wrong: bool, tmp_path: Path
) -> None:
    assert blocks(tmp_path, time_of)[0] == expected
    assert blocks(tmp_path, time_of)[1].has_wrong_times == is_wrong


def test_what_follows_a_gap_that_is_longer_than_the_video_is_left_out(tmp_path: Path) -> None:
    length, track = blocks(tmp_path, lambda n: 160 * n + 8000 * 500 * (n >= 49), end_s=Fraction(3))
    assert (length, track.ends_in_gap) == (49 * 160, True)
    length, track = blocks(tmp_path, lambda n: 160 * n + 8000 * (n >= 25), end_s=Fraction(3))
    assert (length, track.ends_in_gap) == (16_000, False)
