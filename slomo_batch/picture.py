"""Picture: one frame as planes of samples, the form in which frames pass from media/ to color/.

Planes hold the codec's samples unchanged, without padding or scaling. They are in FFmpeg's order: Y, U, V for YUV;
one plane for gray; G, B, R for planar RGB.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """A planar pixel format, under FFmpeg's name."""

    name: str
    model: Literal["yuv", "gray", "rgb"]
    bit_depth: int
    """Bits per sample, 8 to 16; samples of more than 8 bits are little-endian 16-bit words."""
    chroma_shift_x: int = 0
    """log2 of the number of luma columns per chroma sample."""
    chroma_shift_y: int = 0
    """log2 of the number of luma rows per chroma sample."""

    @property
    def num_planes(self) -> int:
        """1 for gray, else 3."""
        return 1 if self.model == "gray" else 3

    @property
    def max_value(self) -> int:
        """Largest sample value."""
        return (1 << self.bit_depth) - 1

    def plane_shape(self, plane: int, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of one plane of a width x height picture; chroma of odd sizes rounds up."""
        if plane == 0 or self.model != "yuv":
            return height, width
        return -(-height >> self.chroma_shift_y), -(-width >> self.chroma_shift_x)


def _formats() -> dict[str, PixelFormat]:
    subsamplings = {
        "yuv444p": (0, 0),
        "yuv422p": (1, 0),
        "yuv420p": (1, 1),
        "yuv440p": (0, 1),
        "yuv411p": (2, 0),
        "yuv410p": (2, 2),
    }
    formats = []
    for stem, (x, y) in subsamplings.items():
        depths = (
            (8,) if stem in {"yuv411p", "yuv410p"} else (8, 10, 12) if stem == "yuv440p" else (8, 9, 10, 12, 14, 16)
        )
        for depth in depths:
            name = stem if depth == 8 else f"{stem}{depth}le"
            formats.append(PixelFormat(name=name, model="yuv", bit_depth=depth, chroma_shift_x=x, chroma_shift_y=y))
    for depth in (8, 10, 12, 14, 16):
        suffix = "" if depth == 8 else f"{depth}le"
        formats.append(PixelFormat(name=f"gray{suffix}", model="gray", bit_depth=depth))
        formats.append(PixelFormat(name=f"gbrp{suffix}", model="rgb", bit_depth=depth))
    return {form.name: form for form in formats}


PIXEL_FORMATS: dict[str, PixelFormat] = _formats()
"""The planar formats of pictures, by FFmpeg's name. FFmpeg's yuvj formats are stored under the yuv names, with full
range."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """The samples of one frame."""

    format: PixelFormat
    planes: tuple[Samples, ...]
    """One C-contiguous (rows, columns) array per plane: uint8 at 8 bits, uint16 above."""

    def __post_init__(self) -> None:
        kind = np.uint8 if self.format.bit_depth == 8 else np.uint16
        height, width = self.planes[0].shape
        for number, plane in enumerate(self.planes):
            if plane.dtype != kind or plane.shape != self.format.plane_shape(number, width, height):
                expected = f"{np.dtype(kind)} {self.format.plane_shape(number, width, height)}"
                raise ValueError(
                    f"plane {number} of {self.format.name}: expected {expected}, got {plane.dtype} {plane.shape}"
                )

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.planes[0].shape[0])

    @property
    def luma(self) -> Samples:
        """The plane that carries brightness: Y, gray, or green."""
        return self.planes[0]

    def hash(self) -> str:
        """16 hexadecimal digits: BLAKE2b over format, size and samples."""
        whole = hashlib.blake2b(f"{self.format.name} {self.width}x{self.height}".encode(), digest_size=8)
        for plane in self.planes:
            whole.update(np.ascontiguousarray(plane).data)
        return whole.hexdigest()
