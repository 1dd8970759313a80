"""Read photographs and videos as 8-bit RGB arrays, scaled by area averaging."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""[H, W, 3]."""


def read_photograph(path: Path, longest_px: int) -> Rgb:
    """Read an image, [H, W, 3], downscaled so that its longer side is at most `longest_px`."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    scale = min(1.0, longest_px / max(frame.width, frame.height))
    return _scaled(frame, round(frame.width * scale), round(frame.height * scale))


def read_frames(path: Path, size: tuple[int, int]) -> Iterator[Rgb]:
    """Yield every frame of a video, [H, W, 3], scaled to this (width, height)."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield _scaled(frame, *size)


def _scaled(frame: av.VideoFrame, width: int, height: int) -> Rgb:
    scaled = frame.reformat(width, height, "rgb24", interpolation="AREA", threads=1).to_ndarray()
    return np.asarray(scaled, np.uint8)
