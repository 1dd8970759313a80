"""Telecined film: FFmpeg's telecine filter spreads film frames over the fields of interlaced pictures."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph

from slomo_batch.media.frames import frame_from_picture, picture_from_frame
from slomo_batch.picture import Picture
from tests.clips.interlaced import Order, moment

SIZE = (96, 64)


def film_frames(num_frames: int, *, first: int = 0, speed: float = 3.0, pix_fmt: str = "yuv420p") -> list[Picture]:
    """Successive frames of film, in which a texture moves."""
    return [moment(first + number, SIZE, pix_fmt, speed) for number in range(num_frames)]


def telecined(frames: Sequence[Picture], pattern: str = "23", order: Order = "tff") -> list[Picture]:
    """The pictures that FFmpeg's telecine filter makes of film frames."""
    first = frames[0]
    graph = Graph()
    stated = f"video_size={first.width}x{first.height}:pix_fmt={first.format.name}:time_base=1/25:frame_rate=25"
    source = graph.add("buffer", stated)
    telecine = graph.add("telecine", f"pattern={pattern}:first_field={order[0]}")
    sink = graph.add("buffersink")
    source.link_to(telecine)
    telecine.link_to(sink)
    graph.configure()
    shown: list[Picture] = []
    for number, picture in enumerate(frames):
        frame = frame_from_picture(picture)
        frame.pts, frame.time_base = number, Fraction(1, 25)
        source.push(frame)
        while (made := _pulled(sink)) is not None:
            shown.append(made)
    return shown


def _pulled(sink: "av.filter.context.FilterContext") -> Picture | None:
    try:
        made = sink.pull()
    except (NothingYet, NothingMore):
        return None
    assert isinstance(made, av.VideoFrame)
    return picture_from_frame(made)


def shifted(frames: Sequence[Picture], order: Order = "tff") -> list[Picture]:
    """Pictures whose first field is of the film frame before: 25 frames per second, a field late."""
    return [woven_of(before, after, order) for before, after in pairwise(frames)]


def woven_of(first: Picture, second: Picture, order: Order) -> Picture:
    """A picture with the first field of one picture and the second of another."""
    top, bottom = (first, second) if order == "tff" else (second, first)
    planes = []
    for upper, lower in zip(top.planes, bottom.planes, strict=True):
        plane = upper.copy()
        plane[1::2] = lower[1::2]
        planes.append(plane)
    return Picture(format=top.format, planes=tuple(planes))


def noisy(pictures: Sequence[Picture], level: int, seed: int = 1) -> list[Picture]:
    """The pictures with noise in their luma that is other in each."""
    rng = np.random.default_rng(seed)

    def noised(picture: Picture) -> Picture:
        luma = picture.planes[0].astype(np.int64) + rng.integers(-level, level + 1, picture.planes[0].shape)
        return Picture(
            format=picture.format,
            planes=(np.clip(luma, 0, picture.format.max_value).astype(picture.planes[0].dtype), *picture.planes[1:]),
        )

    return [noised(picture) for picture in pictures]


def titled(pictures: Sequence[Picture], order: Order = "tff", speed: int = 3) -> list[Picture]:
    """The pictures with a bright text over their middle, which moves from field to field."""
    return [_with_title(picture, number, order, speed) for number, picture in enumerate(pictures)]


def _with_title(picture: Picture, number: int, order: Order, speed: int) -> Picture:
    luma = picture.planes[0].copy()
    rows, columns = luma.shape
    letters = np.random.default_rng(1).integers(0, 2, columns).repeat(4)[:columns] * picture.format.max_value
    for late in (0, 1):
        lines = slice(rows // 4 + ((order == "bff") ^ late), 3 * rows // 4, 2)
        luma[lines] = np.roll(letters, speed * (2 * number + late))
    return Picture(format=picture.format, planes=(luma, *picture.planes[1:]))
