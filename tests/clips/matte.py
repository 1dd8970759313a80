"""Moving pictures with alpha: the pattern of `film` in a soft disc that moves, and garbage where it is transparent."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.clips.film import FORMATS, picture

GARBAGE = (255, 0, 255)
"""RGB where the picture is transparent, as compositing programs leave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matte:
    """A moving picture with alpha to encode."""

    suffix: str = ".mov"
    codec: str = "qtrle"
    pix_fmt: str = "argb"
    num_frames: int = 3
    times: int = 1
    """How many frames in turn show each picture."""
    size: tuple[int, int] = (64, 48)
    options: Mapping[str, str] = field(default_factory=dict)


def rgba(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The samples of one picture, [H, W, 4]."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - width / 4 - 4 * number, y - height / 2)
    alpha = np.rint(np.clip((height / 3 - distance) / 6 + 0.5, 0, 1) * 255).astype(np.uint8)
    color = picture(number, size, "rgb24").to_ndarray()
    color[alpha == 0] = GARBAGE
    return np.dstack([color, alpha])


def matte(film: Matte) -> bytes:
    """The pictures as a file."""
    file: Any = io.BytesIO()
    with av.open(file, "w", format=FORMATS[film.suffix]) as container:
        video = container.add_stream(film.codec, rate=Fraction(25), options=dict(film.options))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *film.size, film.pix_fmt
        video.codec_context.thread_count = 1
        for number in range(film.num_frames):
            samples = rgba(number // film.times, film.size)
            frame = _with_palette(samples) if film.pix_fmt == "pal8" else _frame(samples, film.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return bytes(file.getvalue())


def _frame(samples: NDArray[np.uint8], pix_fmt: str) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(samples, format="rgba").reformat(format=pix_fmt)


def _with_palette(samples: NDArray[np.uint8]) -> av.VideoFrame:
    """The picture in a palette of 2 bits per color, whose first color is transparent."""
    r, g, b, a = (samples[..., channel].astype(int) for channel in range(4))
    number = np.where(a < 128, 0, 64 + (r >> 6 << 4) + (g >> 6 << 2) + (b >> 6)).astype(np.uint8)
    frame = av.VideoFrame(samples.shape[1], samples.shape[0], "pal8")
    lines = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)
    lines[:, : samples.shape[1]] = number
    colors = np.zeros((256, 4), np.uint8)  # BGRA
    colors[64:128, :3] = [(85 * (k & 3), 85 * (k >> 2 & 3), 85 * (k >> 4)) for k in range(64)]
    colors[1:, 3] = 255
    frame.planes[1].update(colors.tobytes())
    return frame
