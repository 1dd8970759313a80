"""Audio in sync over an hour: clicks at the start, in the middle and at the end, with a start offset and a hole."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from slomo_batch.media.audio import Mode, make_audio
from slomo_batch.media.audio_clock import ramp_knots
from slomo_batch.media.packet_archive import ArchiveReader, ArchiveWriter
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.plan.output_grid import output_grid
from slomo_batch.settings import Retime
from slomo_batch.timeline.index import SourceTimeline
from tests.media.films import Film
from tests.media.tones import Tone, archived, audio_file

pytestmark = [pytest.mark.hour, pytest.mark.timeout(1200)]
LENGTH_S, RATE, OFFSET_S = 3600, 8000, 0.3
CLICKS_S = (1.0, 1800.5, 3598.0)
HOLE_S = (900.0, 905.0)
ALLOWED_S = 0.010
FRAME_RATE = Fraction(1, 60)
TIMELINE = SourceTimeline(
    tick_s=1 / FRAME_RATE,
    ticks=np.arange(LENGTH_S // 60, dtype=np.int64),
    end=LENGTH_S // 60,
    rate=FRAME_RATE,
    nominal_rate=FRAME_RATE,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one track."""
    folder = tmp_path_factory.mktemp("hour")
    tone = Tone(sample_rate=RATE, layout="mono", under="nothing", clicks_s=CLICKS_S, duration_s=LENGTH_S)
    whole = archived(audio_file(folder / "whole.mp4", [tone], from_s=OFFSET_S), folder / "whole.packets")
    out = folder / "source.packets"
    with whole.open("rb") as file, out.open("wb") as made:
        archive = ArchiveReader(file)
        (header,) = archive.headers
        with ArchiveWriter(made, archive.headers, {}) as writer:
            for packet in archive:
                if not HOLE_S[0] < (packet.pts or 0) * header.time_base < HOLE_S[1]:
                    writer.add(packet)
    return out


def placed(path: Path, length_s: int) -> NDArray[np.float32]:
    """The samples of the track, each at its time."""
    samples = np.zeros(length_s * RATE, np.float32)
    with av.open(str(path), "r") as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            start = round((frame.pts or 0) * (frame.time_base or 0) * RATE)
            block = frame.to_ndarray()[0]
            samples[max(start, 0) : max(start, 0) + len(block) + min(start, 0)] = block[max(-start, 0) :]
    return samples


@pytest.mark.parametrize(
    ("mode", "retime", "suffix"),
    [
        ("keep", Retime(slowdown=Fraction(1)), ".mp4"),
        ("keep", Retime(slowdown=Fraction(1)), ".mkv"),
        ("stretch", Retime(slowdown=Fraction(2)), ".mp4"),
        ("resample", Retime(slowdown=Fraction(2)), ".mkv"),
        ("stretch", Retime(slowdown=Fraction(1), ramp="600 1, 1200 2 smooth, 2400 1"), ".mkv"),
    ],
    ids=["kept-mp4", "kept-mkv", "stretched", "resampled", "ramp"],
)
def test_an_hour_of_audio_stays_in_sync(source: Path, tmp_path: Path, mode: Mode, retime: Retime, suffix: str) -> None:
    grid = output_grid(TIMELINE, retime, FRAME_RATE, "hour")
    length_s = grid.num_frames / grid.rate
    audio = tmp_path / "audio.packets"
    make_audio(
        source,
        audio,
        mode=mode,
        slowdown=retime.slowdown,
        duration_s=length_s,
        container=CONTAINERS[suffix],
        zero_s=Fraction(0),
        knots=ramp_knots(grid, TIMELINE.tick_s),
        output_time=lambda source_s: grid.output_s(source_s, TIMELINE.tick_s),
    )
    film = Film(codec="h264", rate=FRAME_RATE, size=(32, 32), encode={"preset": "ultrafast"})
    path = film.stitched(tmp_path, suffix, (grid.num_frames,), audio=audio).path
    found = placed(path, int(length_s) + 1)
    near = round(0.1 * RATE)
    for second in CLICKS_S:
        place = round(grid.output_s(Fraction(second) + Fraction(OFFSET_S), TIMELINE.tick_s) * RATE)
        around = np.abs(found[place - near : place + near])
        assert around.max() > 0.5, "the click is there"
        assert abs(int(np.argmax(around > around.max() / 2)) - near) / RATE < ALLOWED_S
