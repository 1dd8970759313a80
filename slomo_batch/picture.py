"""Picture: one frame as planes of samples, the form in which frames pass from media/ to color/.

Planes hold the codec's samples unchanged, without padding or scaling. They are in FFmpeg's order: Y, U, V for YUV;
one plane for gray; G, B, R for planar RGB; then alpha, if there is any.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    has_alpha: bool = False
    """True if the last plane is alpha: a sample per pixel, from 0 (transparent) to the maximum (opaque)."""

    @property
    def num_planes(self) -> int:
        """1 for gray, else 3; one more with alpha."""
        return (1 if self.model == "gray" else 3) + self.has_alpha

    @property
    def opaque(self) -> "PixelFormat":
        """The same format without alpha."""
        if not self.has_alpha:
            return self
        return PIXEL_FORMATS[self.name.replace("yuva", "yuv").replace("gbrap", "gbrp")]

    @property
    def with_alpha(self) -> "PixelFormat":
        """The same format with alpha; for gray it is that of RGB, since FFmpeg has no planar gray with alpha.

        Raises:
            KeyError: FFmpeg has no such format.
        """
        if self.has_alpha:
            return self
        stem = "gbrap" if self.model in {"gray", "rgb"} else self.name.split("p")[0].replace("yuv", "yuva") + "p"
        return PIXEL_FORMATS[_name(stem, self.bit_depth)]

    @property
    def alpha_alone(self) -> "PixelFormat":
        """The format of alpha as a picture of its own: gray of the same depth."""
        return PixelFormat(name=_name("gray", self.bit_depth), model="gray", bit_depth=self.bit_depth)

    @property
    def max_value(self) -> int:
        """Largest sample value."""
        return (1 << self.bit_depth) - 1

    def plane_shape(self, plane: int, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of one plane of a width x height picture; chroma of odd sizes rounds up."""
        if plane not in {1, 2} or self.model != "yuv":
            return height, width
        return -(-height >> self.chroma_shift_y), -(-width >> self.chroma_shift_x)


def _name(stem: str, depth: int) -> str:
    return stem if depth == 8 else f"{stem}{depth}le"


_ALPHA_DEPTHS = {"yuva420p": (8, 9, 10, 16), "yuva422p": (8, 9, 10, 12, 16), "yuva444p": (8, 9, 10, 12, 16)}
"""Depths in which FFmpeg has these formats with alpha."""


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
            form = PixelFormat(
                name=_name(stem, depth), model="yuv", bit_depth=depth, chroma_shift_x=x, chroma_shift_y=y
            )
            formats.append(form)
            with_alpha = stem.replace("yuv", "yuva")
            if depth in _ALPHA_DEPTHS.get(with_alpha, ()):
                formats.append(replace(form, name=_name(with_alpha, depth), has_alpha=True))
    for depth in (8, 10, 12, 14, 16):
        formats.append(PixelFormat(name=_name("gray", depth), model="gray", bit_depth=depth))
        formats.append(PixelFormat(name=_name("gbrp", depth), model="rgb", bit_depth=depth))
        formats.append(PixelFormat(name=_name("gbrap", depth), model="rgb", bit_depth=depth, has_alpha=True))
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
    def layers(self) -> tuple["Picture", ...]:
        """The pictures that are processed separately: the color, then alpha as gray, if there is any."""
        if not self.format.has_alpha:
            return (self,)
        color = Picture(format=self.format.opaque, planes=self.planes[:-1])
        return color, Picture(format=self.format.alpha_alone, planes=self.planes[-1:])

    def with_opaque_alpha(self) -> "Picture":
        """The picture with alpha, opaque everywhere."""
        form = self.format.with_alpha
        opaque = np.full((self.height, self.width), form.max_value, self.planes[0].dtype)
        return Picture(format=form, planes=(*self.planes, opaque))

    @classmethod
    def of_layers(cls, layers: Sequence["Picture"]) -> "Picture":
        """The picture whose layers these are."""
        color, *alpha = layers
        if not alpha:
            return color
        return cls(format=color.format.with_alpha, planes=(*color.planes, *alpha[0].planes))

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
