"""What is done about doubt: a cross-fade where a frame is doubted, and the doubt of a whole pair as a number.

All of it is computed on the device of the frames, without waiting for it.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.contract import CELL_PX
from slomo_batch.interpolators.evidence import box_mean, feather_radius
from slomo_batch.plan.pair_doubts import LEVELS


def level_of(doubt_NHW: Tensor) -> Tensor:
    """Return the doubt of a pair in sixteenths, 0 to LEVELS, a uint8: the root of the mean square of its maps.

    Squares count a small region of strong doubt more than weak doubt everywhere.
    """
    return doubt_NHW.square().mean().sqrt_().mul_(LEVELS).round_().to(torch.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A static overlay of a pair. What is made of it can lie beside it, so doubt counts more there."""

    shown: Tensor
    """1 at its pixels, otherwise 0, [H, W]."""
    near: Tensor
    """1 at its pixels, and falling to 0 beside it, likewise."""

    @classmethod
    def of(cls, shown_HW: Tensor) -> Self:
        """Return the overlay with these pixels, 0 or 1, fp32."""
        cells = functional.avg_pool2d(shown_HW[None, None], CELL_PX, ceil_mode=True).sign()
        wide = functional.max_pool2d(cells, 2 * REACH_CELLS + 1, stride=1, padding=REACH_CELLS)
        return cls(shown=shown_HW, near=_fine(box_mean(wide, REACH_CELLS), *shown_HW.shape))


REACH_CELLS = 4
"""How far beyond its pixels an overlay counts by half, in cells; it fades out over twice as many."""
DOUBT_TIMES_NEAR = 4.0
"""How much more doubt counts near an overlay."""


def weight_of(doubt_HW: Tensor, height: int, width: int, overlay: Overlay | None = None) -> Tensor:
    """Return the weight of the cross-fade for each pixel, 0 to 1, [height, width].

    It is the doubt of the cells, feathered; 1 at an overlay, since its pixels are those of the source frames.
    """
    weight_HW = _fine(box_mean(doubt_HW[None, None], feather_radius(height)), height, width)
    if overlay is None:
        return weight_HW
    more_HW = (DOUBT_TIMES_NEAR * weight_HW).clamp(max=1).mul_(overlay.near)
    return torch.maximum(torch.maximum(weight_HW, more_HW), overlay.shown)


def _fine(map_11HW: Tensor, height: int, width: int) -> Tensor:
    """Return a map of cells for each pixel, [height, width]."""
    fine: Tensor = functional.interpolate(map_11HW, scale_factor=CELL_PX, mode="bilinear", align_corners=False)
    return fine[0, 0, :height, :width]


def cross_faded(frame_CHW: Tensor, i0_CHW: Tensor, i1_CHW: Tensor, time: float, weight_HW: Tensor) -> Tensor:
    """Mix a frame with the cross-fade of the two source frames: (1 - w) frame + w cross-fade.

    Where w is 0, the frame keeps its bits. Where w is 1 and the source frames are equal, it gets theirs.
    """
    faded_CHW = torch.lerp(i0_CHW, i1_CHW, time)
    return torch.lerp(frame_CHW, faded_CHW, weight_HW)
