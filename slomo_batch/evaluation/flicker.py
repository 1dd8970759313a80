"""Flicker: how far an interpolated frame differs in brightness, sharpness and noise from its two source frames.

Source frames and interpolated frames alternate on the screen, so such a difference flickers. Three statistics of a
frame's luma Y (BT.601, full range, in 8-bit levels) are compared:

    mean       mean of Y
    sharpness  mean absolute difference of Y between adjacent pixels, the mean of horizontal and vertical
    noise      sqrt(pi / 2) / 6 x mean of |Y convolved with ((1, -2, 1), (-2, 4, -2), (1, -2, 1))|
               (Immerkaer 1996: the standard deviation of Gaussian noise on a flat image)

The flicker of a frame at t is the absolute difference of each statistic from its value interpolated between i0 and i1:

    | stats(made) - ((1 - t) stats(i0) + t stats(i1)) |

It needs no true frame. The true frame does not have a flicker of 0, since real footage changes too. If every second
frame loses 0.5 levels of sharpness, the video shimmers, however high its PSNR.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from slomo_batch.evaluation.measures import Rgb8

LUMA_RGB = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True, kw_only=True)
class LumaStats:
    """Luma statistics of a frame in 8-bit levels, or the absolute difference of two such statistics."""

    mean: float
    sharpness: float
    noise: float


def luma_stats(frame: Rgb8) -> LumaStats:
    """Compute the luma statistics of a frame of at least 3x3 pixels."""
    luma_HW = frame @ np.asarray(LUMA_RGB, np.float32)
    across, down = _mean_abs(np.diff(luma_HW, axis=1)), _mean_abs(np.diff(luma_HW, axis=0))
    rough_HW = np.diff(np.diff(luma_HW, n=2, axis=0), n=2, axis=1)
    return LumaStats(
        mean=float(np.mean(luma_HW, dtype=np.float64)),
        sharpness=(across + down) / 2,
        noise=math.sqrt(math.pi / 2) / 6 * _mean_abs(rough_HW),
    )


def flicker(made: LumaStats, i0: LumaStats, i1: LumaStats, t: float) -> LumaStats:
    """Return the absolute difference of `made` from the statistics interpolated at t between `i0` and `i1`."""
    return LumaStats(
        mean=abs(made.mean - (1 - t) * i0.mean - t * i1.mean),
        sharpness=abs(made.sharpness - (1 - t) * i0.sharpness - t * i1.sharpness),
        noise=abs(made.noise - (1 - t) * i0.noise - t * i1.noise),
    )


def mean_stats(stats: Sequence[LumaStats]) -> LumaStats:
    """Return the mean of each statistic over one or more frames."""
    return LumaStats(
        mean=fmean(one.mean for one in stats),
        sharpness=fmean(one.sharpness for one in stats),
        noise=fmean(one.noise for one in stats),
    )


def _mean_abs(values: NDArray[np.float32]) -> float:
    return float(np.mean(np.abs(values), dtype=np.float64))
