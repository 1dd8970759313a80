"""A cover picture that is stored as an ordinary video stream is not taken for the video."""

import io
from fractions import Fraction

import av
import pytest
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.probe import probe
from tests.clips.film import FORMATS, decode_time, picture
from tests.media.sources import Opened, reader_of


def with_pictures(suffix: str, num_pictures: int, codec: str = "mjpeg", pix_fmt: str = "yuvj420p") -> bytes:
    """So many large pictures as the first stream, and 20 frames of a small film as the second."""
    file = io.BytesIO()
    with av.open(file, "w", format=FORMATS[suffix]) as container:
        pictures, film = container.add_stream(codec, rate=25), container.add_stream("mpeg4", rate=25)
        assert isinstance(pictures, VideoStream)
        assert isinstance(film, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 128, 128, pix_fmt
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        packets = []
        for stream, count in ((pictures, num_pictures), (film, 20)):
            for number in range(count):
                frame = picture(number, (stream.width, stream.height), stream.pix_fmt or "")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                packets += stream.encode(frame)
            packets += stream.encode(None)
        container.mux(sorted(packets, key=decode_time))
    return file.getvalue()


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".mkv", "mjpeg", "yuvj420p"),
        (".mp4", "mjpeg", "yuvj420p"),
        (".avi", "mjpeg", "yuvj420p"),
        (".mp4", "png", "rgb24"),
    ],
)
def test_the_film_is_taken(suffix: str, codec: str, pix_fmt: str) -> None:
    found = Opened.of("film", with_pictures(suffix, 1, codec, pix_fmt)).probe
    assert (found.facts.stream_index, found.facts.codec, found.facts.num_frames) == (1, "mpeg4", 20)
    assert "the video is stream 1, since another stream is a single picture" in found.facts.oddities


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_motion_jpeg_is_a_video_too(suffix: str) -> None:
    found = Opened.of("film", with_pictures(suffix, 20)).probe
    assert (found.facts.stream_index, found.facts.codec, found.facts.num_frames) == (0, "mjpeg", 20)


ANIMATED_WEBP = bytes.fromhex(
    "524946465c000000574542505650385812000000020000000f00000f00000000414e494d06000000ffffffff0000"
    "414e4d4628000000000000000000000f00000f000064000000"
)
"""The head of one: canvas, animation, and the head of its first frame."""


def test_animated_webp_is_refused_by_name() -> None:
    with pytest.raises(SourceUnsupported, match="cannot decode animated WebP"):
        probe(reader_of(ANIMATED_WEBP + bytes(32)), "anim.webp")
