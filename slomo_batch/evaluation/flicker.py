"""Flicker: how far made frames look from the source frames beside them, which alternate with them on the screen.

Three numbers of a frame's luma Y (BT.601, full range, in levels of 8 bits) are its look:

    mean       mean of Y
    sharpness  mean of |step of Y from a pixel to the next|, the mean of across and down
    noise      sqrt(pi / 2) / 6 x mean of |Y convolved with ((1, -2, 1), (-2, 4, -2), (1, -2, 1))|
               (Immerkaer 1996: for flat ground under Gaussian noise its standard deviation)

The flicker of a frame made at t is the distance of each from where it should be by its neighbours:

    | look(made) - ((1 - t) look(i0) + t look(i1)) |

The true frame is not needed, and is not at 0: real footage changes too. What is blurred by 0.5 levels in every second
frame shimmers, however high its PSNR.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slomo_batch.evaluation.measures import Samples

LUMA_RGB = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the eye holds against the frame before, in levels of 8 bits; or how far one look is from another."""

    mean: float
    sharpness: float
    noise: float


def look_of(frame: Samples) -> Look:
    """The look of a frame of 3 pixels and more each way."""
    luma_HW = frame @ np.asarray(LUMA_RGB, np.float32)
    across, down = _mean_size(np.diff(luma_HW, axis=1)), _mean_size(np.diff(luma_HW, axis=0))
    rough_HW = np.diff(np.diff(luma_HW, n=2, axis=0), n=2, axis=1)
    return Look(
        mean=float(np.mean(luma_HW, dtype=np.float64)),
        sharpness=(across + down) / 2,
        noise=math.sqrt(math.pi / 2) / 6 * _mean_size(rough_HW),
    )


def flicker(made: Look, i0: Look, i1: Look, t: float) -> Look:
    """The distance of a made look from where those of its neighbours put it."""
    return Look(
        mean=abs(made.mean - (1 - t) * i0.mean - t * i1.mean),
        sharpness=abs(made.sharpness - (1 - t) * i0.sharpness - t * i1.sharpness),
        noise=abs(made.noise - (1 - t) * i0.noise - t * i1.noise),
    )


def _mean_size(values: NDArray[np.float32]) -> float:
    return float(np.mean(np.abs(values), dtype=np.float64))
