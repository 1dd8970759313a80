"""Interlaced films: each picture is woven from two fields of a texture that moves between them."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.filter import Graph
from av.video.stream import VideoStream

from slomo_batch.media.frames import frame_from_picture
from slomo_batch.picture import PIXEL_FORMATS, Picture

Order = Literal["tff", "bff"]
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".avi": "avi", ".mpg": "mpeg"}
FORMATS |= {".dv": "dv", ".nut": "nut"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """An interlaced film to encode."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    num_pictures: int = 30
    size: tuple[int, int] = (96, 64)
    rate: Fraction = Fraction(25)
    pix_fmt: str = "yuv420p"
    order: Order = "tff"
    """How the pictures are woven."""
    flagged: Literal["tff", "bff", "prog"] | None = None
    """How they are flagged; None: as they are woven."""
    speed: float = 3.0
    """Motion in pixels from field to field; 0: none."""
    options: Mapping[str, str] = field(default_factory=dict)
    header: int = 0
    """FFmpeg's number of the field order in the container."""


def moment(instant: float, size: tuple[int, int], pix_fmt: str, speed: float) -> Picture:
    """A whole picture of the texture at an instant, counted in fields."""
    form = PIXEL_FORMATS[pix_fmt]
    planes = []
    for number in range(form.num_planes):
        rows, columns = form.plane_shape(number, *size)
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
        x, y = x * size[0] / columns + speed * instant, y * size[1] / rows
        wave = np.sin(x / (5 + 2 * number)) * np.cos(y / 7) + 0.4 * np.sin((x + y) / 11)
        samples = np.round((0.5 + 0.3 * wave / 1.4) * form.max_value)
        planes.append(samples.astype(np.uint8 if form.bit_depth == 8 else np.uint16))
    return Picture(format=form, planes=tuple(planes))


def woven(number: int, film: Fields) -> Picture:
    """Picture `number` of the film: the lines of its two fields are of two successive instants."""
    first, second = (moment(2 * number + late, film.size, film.pix_fmt, film.speed) for late in (0, 1))
    top, bottom = (first, second) if film.order == "tff" else (second, first)
    planes = []
    for upper, lower in zip(top.planes, bottom.planes, strict=True):
        plane = upper.copy()
        plane[1::2] = lower[1::2]
        planes.append(plane)
    return Picture(format=top.format, planes=tuple(planes))


def pictures(film: Fields) -> list[Picture]:
    """All pictures of the film, before they are encoded."""
    return [woven(number, film) for number in range(film.num_pictures)]


def filmed(film: Fields) -> bytes:
    """The film as a file."""
    return encoded(film, pictures(film))


def encoded(film: Fields, shown: Sequence[Picture]) -> bytes:
    """These pictures as a file like the film."""
    file = io.BytesIO()
    with av.open(file, "w", format=FORMATS[film.suffix]) as container:
        video = container.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        assert isinstance(video, VideoStream)
        (video.width, video.height), video.pix_fmt = film.size, film.pix_fmt
        video.codec_context.thread_count = 1
        if film.header:
            video.codec_context.field_order = film.header
        for frame in _flagged(film, shown):
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return file.getvalue()


def _flagged(film: Fields, shown: Sequence[Picture]) -> Iterator[av.VideoFrame]:
    """Frames with the scan flags of the film, which only a filter can set."""
    graph = Graph()
    layout = av.VideoFormat(film.pix_fmt, *film.size)
    source = graph.add_buffer(width=film.size[0], height=film.size[1], format=layout, time_base=1 / film.rate)
    setfield, sink = graph.add("setfield", film.flagged or film.order), graph.add("buffersink")
    source.link_to(setfield)
    setfield.link_to(sink)
    graph.configure()
    for number, picture in enumerate(shown):
        frame = frame_from_picture(picture)
        frame.pts, frame.time_base = number, 1 / film.rate
        source.push(frame)
        flagged = sink.pull()
        assert isinstance(flagged, av.VideoFrame)
        yield flagged


ILDCT = {"flags": "+ilme+ildct"}
H264 = {**ILDCT, "g": "12", "bf": "2", "x264-params": "scenecut=0:b-adapt=0:threads=1"}
FILMS: dict[str, Fields] = {
    "h264 tff mp4": Fields(options=H264),
    "h264 bff ts": Fields(suffix=".ts", order="bff", options=H264),
    "h264 10 bits mkv": Fields(suffix=".mkv", pix_fmt="yuv420p10le", options=H264),
    "h264 4:2:2 mp4": Fields(pix_fmt="yuv422p", options=H264),
    "mpeg2 tff mpg": Fields(suffix=".mpg", codec="mpeg2video", options={**ILDCT, "g": "12", "qmax": "4"}),
    "mpeg2 bff ts": Fields(suffix=".ts", codec="mpeg2video", order="bff", options={**ILDCT, "g": "12", "qmax": "4"}),
    "mpeg4 avi": Fields(suffix=".avi", codec="mpeg4", options={**ILDCT, "g": "12", "qmax": "4"}),
    "prores mov": Fields(suffix=".mov", codec="prores_ks", pix_fmt="yuv422p10le", options=ILDCT),
    "dv": Fields(suffix=".dv", codec="dvvideo", order="bff", size=(720, 576), num_pictures=8),
    "ffv1 odd mkv": Fields(suffix=".mkv", codec="ffv1", size=(51, 37), header=2),
}
"""Kinds of interlaced files, flagged as they are."""
