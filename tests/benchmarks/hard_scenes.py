"""Synthetic clips of scenes that are hard to interpolate, over real pictures, so the true frames are known.

Whole pixels per frame, edges softened over a pixel. At factor 2 the kept frames are two steps apart.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.interpolators.footage import real_clip, rgb_frames

HEIGHT, WIDTH, NUM_FRAMES = 360, 640, 13
Picture = NDArray[np.float32]
"""[H, W, 3], 0 to 255."""


def thin_rod(number: int) -> Picture:
    """A dark rod three pixels wide crosses grass at 7 pixels per frame."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    off = np.abs(columns + 0.3 * rows - (180 + 7 * number))
    return over(ground(), np.zeros(3, np.float32), np.clip(2 - off, 0, 1))


def fence(number: int) -> Picture:
    """Pales 8 pixels wide, one every 16, pass at 5 pixels per frame: by 10 of 16 in a pair: the wrong way is nearer."""
    columns = np.mgrid[:HEIGHT, :WIDTH][1].astype(np.float32)
    phase = (columns - 5 * number) % 16
    pale = np.clip(4.5 - np.abs(phase - 8), 0, 1)
    return over(ground(), np.array([150, 110, 70], np.float32), pale)


def passing(number: int) -> Picture:
    """A textured disc crosses at 12 pixels per frame, over a ground that goes the other way at 2."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    inside = np.clip(70.5 - np.hypot(rows - 180, columns - (160 + 12 * number)), 0, 1)
    disc = np.roll(texture("bikes"), 12 * number, axis=1)
    return over(np.roll(ground(), -2 * number, axis=1), disc, inside)


SCENES: dict[str, Callable[[int], Picture]] = {"thin rod": thin_rod, "fence": fence, "passing disc": passing}


def write_scene(name: str, folder: Path) -> Path:
    """The scene as a lossless clip."""
    path = folder / f"{name}.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for number in range(NUM_FRAMES):
            samples = np.rint(SCENES[name](number)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(samples, format="rgb24").reformat(format="bgr0", threads=1)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ground() -> Picture:
    """Grass and a tree."""
    return texture("bigbuckbunny")


def texture(clip: str) -> Picture:
    """A frame of a real clip."""
    [frame] = rgb_frames(real_clip(clip), start=30, num=1, size=(WIDTH, HEIGHT))
    return np.ascontiguousarray(frame.permute(1, 2, 0).numpy(), dtype=np.float32)


def over(back: Picture, front: Picture | NDArray[np.float32], alpha: NDArray[np.float32]) -> Picture:
    """The front over the back, where alpha is 1."""
    shown: Picture = back + (front - back) * alpha[..., None]
    return shown
