"""Regions of a picture: a large picture is made in tiles, which overlap and are joined without a seam.

A network makes a tile from the whole source frames, so motion of any length is seen; only its convolutions end at the
tile's border. What they compute near the border differs from what they compute within the picture, so it is given no
weight, and neighboring tiles fade into one another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

UNUSED_PX = 64
"""Pixels at the inner borders of a tile that are not used."""
FADE_PX = 64
"""Pixels on either side of a border between tiles over which one fades into the other."""
OVERLAP_PX = UNUSED_PX + FADE_PX
"""Pixels by which a tile reaches over the border to its neighbor."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def divided(self, divisor: int) -> "Region":
        """Return the same region of a picture at 1 / `divisor` of the resolution."""
        return Region(self.top // divisor, self.left // divisor, self.height // divisor, self.width // divisor)

    def of(self, x_BCHW: Tensor) -> Tensor:
        """Return the region of a picture, as a view."""
        return x_BCHW[..., self.top : self.top + self.height, self.left : self.left + self.width]


def region_of(region: Region | None, x_BCHW: Tensor, divisor: int = 1) -> Tensor:
    """Return the region of a picture that has 1 / `divisor` of the resolution; without a region, all of it."""
    return x_BCHW if region is None else region.divided(divisor).of(x_BCHW)


@dataclass(frozen=True, slots=True)
class TileSpan:
    """A part of a row or column of pixels that one tile makes, and what of it is used."""

    start: int
    end: int
    first_border: int
    """Where the tile before meets it; 0 if there is none."""
    last_border: int
    """Where the next tile meets it; the end of the picture if there is none."""

    def weights(self) -> Tensor:
        """Return the weight of each of its pixels. Those of all spans add up to 1 at each pixel."""
        place_N = torch.arange(self.start, self.end, dtype=torch.float32) + 0.5
        weight_N = torch.ones(self.end - self.start)
        if self.first_border > self.start:
            weight_N = _ramp(place_N - self.first_border)
        if self.last_border < self.end:
            weight_N = weight_N * _ramp(self.last_border - place_N)
        return weight_N


def _ramp(distance_N: Tensor) -> Tensor:
    """From 0 at FADE_PX before a border to 1 as far behind it."""
    return (distance_N / (2 * FADE_PX) + 0.5).clamp(0, 1)


def spans(length: int, longest: int, multiple: int) -> tuple[TileSpan, ...]:
    """Divide `length` pixels, a multiple of `multiple`, into spans of about the same length, at most `longest`.

    Spans start and end at multiples of `multiple`, so that a tile's convolutions see the same pixels together as those
    of the whole picture. If `longest` leaves no room for overlap and fading, spans are longer.
    """
    overlap, least = (-(-size // multiple) * multiple for size in (OVERLAP_PX, 2 * FADE_PX))
    inner = max(longest - 2 * overlap, least) // multiple * multiple
    num = 1 if length <= longest else max(1, min(-(-length // inner), length // least))
    borders = [length // multiple * k // num * multiple for k in range(num + 1)]
    return tuple(
        TileSpan(max(0, first - overlap), min(length, last + overlap), first, last) for first, last in pairwise(borders)
    )


def make_in_tiles(make: Callable[[Region], Tensor], out_BCHW: Tensor, *, tile_px: int, multiple: int) -> Tensor:
    """Return `out_BCHW`, filled with tiles of at most about `tile_px` pixels; `make` returns the picture in a region.

    Tiles are made one after the other, in rows, so the sums at a pixel always have the same order.
    """
    height, width = out_BCHW.shape[-2:]
    side = int(sqrt(tile_px))
    out_BCHW.zero_()
    for row in spans(height, side, multiple):
        down_H1 = row.weights().to(out_BCHW.device)[:, None]
        for column in spans(width, side, multiple):
            weight_HW = down_H1 * column.weights().to(out_BCHW.device)
            region = Region(row.start, column.start, row.end - row.start, column.end - column.start)
            region.of(out_BCHW).add_(make(region).mul_(weight_HW))
    return out_BCHW
