"""Excerpts: what they read, and where they begin."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.errors import SourceUnreadable
from slomo_batch.media.excerpts import open_excerpts
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import rgb_frames
from tests.end_to_end.running import excerpt, interlaced


class Counted(RangeReader):
    """A reader of a file that counts the bytes that it fetches, in small blocks."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.num_bytes = 0

        def fetch(start: int, end: int) -> bytes:
            self.num_bytes += end - start
            return data[start:end]

        super().__init__(fetch, len(data), block_bytes=1 << 12)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds and a half of bikes, with a keyframe at every twelfth frame."""
    return excerpt("bikes", tmp_path_factory.mktemp("film") / "bikes.mp4", num_frames=63, width=160, height=96)


def test_pictures_are_those_of_the_source_from_that_place_on(film: Path) -> None:
    frames = list(rgb_frames(RangeReader(lambda a, b: film.read_bytes()[a:b], film.stat().st_size), "film"))
    with open_excerpts(Counted(film), "film") as excerpts:
        assert excerpts.rate == 25
        assert float(excerpts.duration_s) == pytest.approx(63 / 25)
        for first in (31, 0, 60):
            found = list(excerpts.pictures(Fraction(first, 25), 4))
            assert len(found) == min(4, 63 - first)
            assert all(np.array_equal(one, frames[first + place]) for place, one in enumerate(found))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_glance_reads_a_part_of_the_file_and_measures_motion(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"film{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25, options={"qmin": "2", "qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuvj420p"
        noise = np.random.default_rng(3).integers(0, 255, (200, 96, 160, 3), np.uint8)
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    reader = Counted(path)
    with open_excerpts(reader, "film") as excerpts:
        glance = excerpts.glance(Fraction(4))
    assert glance is not None
    assert glance.motion > 10
    assert reader.num_bytes < path.stat().st_size / 4


def test_interlaced_pictures_are_recognized(film: Path, tmp_path: Path) -> None:
    even = excerpt("bikes", tmp_path / "even.mp4", num_frames=60, width=160, height=96)
    for path, order in ((even, "progressive"), (interlaced(even, tmp_path / "fields.mp4"), "tff")):
        with open_excerpts(Counted(path), "film") as excerpts:
            excerpts.glance(Fraction(0))
            excerpts.glance(Fraction(1, 2))
            assert excerpts.scan("auto", "field").field_order == order


def test_a_source_without_a_stated_duration_is_read_from_its_start(film: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.h264"
    with av.open(str(film)) as source, av.open(str(raw), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with open_excerpts(Counted(raw), "film") as excerpts:
        assert excerpts.duration_s == 0
        assert len(list(excerpts.pictures(Fraction(0), 5))) == 5


def test_a_file_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video" * 100)
    with pytest.raises(SourceUnreadable), open_excerpts(Counted(path), "a.mp4"):
        pass
