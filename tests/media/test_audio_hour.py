"""Audio in sync over an hour: clicks at the start, in the middle and at the end, with a start offset and a hole."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from slomo_batch.media.audio import Mode, make_audio
from slomo_batch.media.packet_archive import ArchiveReader, ArchiveWriter
from slomo_batch.plan.containers import CONTAINERS
from tests.media.films import Film
from tests.media.tones import Tone, archived, audio_file

pytestmark = [pytest.mark.hour, pytest.mark.timeout(1200)]
LENGTH_S, RATE, OFFSET_S = 3600, 8000, 0.3
CLICKS_S = (1.0, 1800.5, 3598.0)
HOLE_S = (900.0, 905.0)
ALLOWED_S = 0.010


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


@pytest.mark.parametrize(("mode", "slowdown"), [("keep", 1), ("stretch", 2)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_an_hour_of_audio_stays_in_sync(source: Path, tmp_path: Path, mode: Mode, slowdown: int, suffix: str) -> None:
    audio = tmp_path / "audio.packets"
    make_audio(
        source,
        audio,
        mode=mode,
        slowdown=Fraction(slowdown),
        duration_s=Fraction(LENGTH_S * slowdown),
        container=CONTAINERS[suffix],
        zero_s=Fraction(0),
    )
    film = Film(codec="h264", rate=Fraction(1, 60), size=(32, 32), encode={"preset": "ultrafast"})
    path = film.stitched(tmp_path, suffix, (LENGTH_S * slowdown // 60,), audio=audio).path
    found = placed(path, LENGTH_S * slowdown + 1)
    near = round(0.1 * RATE)
    for second in CLICKS_S:
        place = round((second + OFFSET_S) * slowdown * RATE)
        around = np.abs(found[place - near : place + near])
        assert around.max() > 0.5, "the click is there"
        assert abs(int(np.argmax(around > around.max() / 2)) - near) / RATE < ALLOWED_S
