"""Frame rates: parse them, snap them to standard ones, find the constant rate behind rounded timestamps, or a nominal
one."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
from numpy.typing import NDArray

_NTSC = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 96, 120, 240))
_WHOLE = tuple(
    Fraction(n) for n in (5, 6, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 96, 100, 120, 144, 200, 240)
)
STANDARD_RATES: tuple[Fraction, ...] = tuple(sorted((*_NTSC, *_WHOLE, Fraction(25, 2))))
"""Frame rates used by film, television and cameras, in frames per second, increasing."""

MAX_ROUNDING_S = Fraction(1, 1000)
"""Largest total spread, in seconds, by which rounded timestamps of a constant rate may deviate from it."""
MAX_OF_MEAN = 2
"""The rate of the median step counts as the video's rate up to this many times the mean rate."""
PAUSE_S = 1
"""A longer step is a pause, unless most steps are."""


def parse_rational(text: str | int | Fraction) -> Fraction:
    """Parse "5/2", "60000/1001", "2.5" or an integer exactly.

    Raises:
        ValueError: not a number, or a zero denominator.
    """
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{text!r} has a zero denominator") from None


def snap_to_standard(rate: Fraction) -> Fraction:
    """The nearest standard rate if it is within 1 % of `rate`, else `rate` itself."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= rate / 100 else rate


def ntsc_rate_near(rate: Fraction) -> Fraction | None:
    """The NTSC rate that a rounded one such as 23.976 or 29.97 is short for; None if it is exact, or no such rate."""
    nearest = min(_NTSC, key=lambda ntsc: abs(ntsc - rate))
    return nearest if nearest != rate and abs(nearest - rate) <= nearest / 5000 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRate:
    """Timestamps that lie on the grid n / rate. Gaps are allowed."""

    rate: Fraction
    """Frames per second."""
    grid: NDArray[np.int64]
    """For each frame its grid point n, starting at 0, strictly increasing."""
    num_film: int = 0
    """Number of frames that are film with repeated fields (`telecine`)."""


def find_constant_rate(
    pts: NDArray[np.int64], time_base: Fraction, header_rates: Iterable[Fraction] = ()
) -> ConstantRate | None:
    """The constant rate behind strictly increasing `pts` (ticks of `time_base` seconds), or None if the rate varies.

    If all steps are equal, the rate is exact. Otherwise it is the smallest standard or header rate for which every
    pts has its own grid point, the median step is one grid point, and the distances from the grid spread by at most
    min(gcd of the steps, 1 ms). If two rates fit equally well, the header's rate wins. Fewer than two frames have no
    rate.
    """
    if len(pts) < 2:
        return None
    steps = np.diff(pts)
    if (steps == steps[0]).all():
        return ConstantRate(rate=1 / (int(steps[0]) * time_base), grid=np.arange(len(pts), dtype=np.int64))
    tolerance_s = min(gcd(*(int(step) for step in np.unique(steps))) * time_base, MAX_ROUNDING_S)
    offsets = pts - pts[0]
    headers = [rate for rate in header_rates if rate > 0]
    fits = [fit for rate in sorted({*STANDARD_RATES, *headers}) if (fit := _fit(offsets, time_base, rate, tolerance_s))]
    if not fits:
        return None
    same_grid = [fit for fit in fits if np.array_equal(fit.grid, fits[0].grid)]
    return next((fit for fit in same_grid if fit.rate in headers), same_grid[0])


def _fit(offsets: NDArray[np.int64], time_base: Fraction, rate: Fraction, tolerance_s: Fraction) -> ConstantRate | None:
    """The grid of `rate` for these offsets, or None if they do not lie on it."""
    grid = grid_of(offsets, time_base, rate, tolerance_s)
    return None if grid is None or int(np.median(np.diff(grid))) != 1 else ConstantRate(rate=rate, grid=grid)


def grid_of(
    offsets: NDArray[np.int64], time_base: Fraction, rate: Fraction, tolerance_s: Fraction = MAX_ROUNDING_S
) -> NDArray[np.int64] | None:
    """For each offset (ticks from the first frame) its own grid point n of n / `rate`; None if they do not lie on it.

    `tolerance_s` is the largest spread of the distances from the grid. Uses integer arithmetic throughout.
    """
    per_tick = time_base * rate
    num, den = per_tick.numerator, per_tick.denominator
    scaled = offsets * num if max(int(offsets[-1]) * num, den) < 2**60 else offsets.astype(object) * num
    grid = np.asarray((2 * scaled + den) // (2 * den), dtype=np.int64)
    if (np.diff(grid) < 1).any():
        return None
    residual = scaled - grid.astype(scaled.dtype) * den
    spread_s = Fraction(int(residual.max() - residual.min()), den) / rate
    return grid if spread_s <= tolerance_s else None


# ---- variable rates ------------------------------------------------------------------------------------------------


def median_rate(ticks: NDArray[np.int64], tick_s: Fraction) -> Fraction:
    """The rate of the median step between these increasing times."""
    return 1 / (max(1, int(np.median(np.diff(ticks)))) * tick_s)


def nominal_rate(ticks: NDArray[np.int64], tick_s: Fraction, header_rates: Iterable[Fraction] = ()) -> Fraction:
    """What counts as the rate of frames at these increasing times, of which there are at least two.

    It is the rate of the median step, snapped to a standard rate. If that is more than MAX_OF_MEAN times the mean rate,
    frames come in bursts; it is then the mean rate, snapped to the nearest standard or header rate. Pauses of more than
    PAUSE_S do not count for the mean.
    """
    usual, mean = median_rate(ticks, tick_s), _mean_rate(ticks, tick_s)
    if usual <= MAX_OF_MEAN * mean:
        return snap_to_standard(usual)
    nearest = min((*STANDARD_RATES, *header_rates), key=lambda rate: abs(rate - mean))
    return nearest if abs(nearest - mean) <= mean / 4 else mean


def _mean_rate(ticks: NDArray[np.int64], tick_s: Fraction) -> Fraction:
    """The mean rate of the frames, without pauses."""
    steps = np.diff(ticks)
    usual = steps[steps * float(tick_s) <= max(PAUSE_S, float(np.median(steps) * tick_s))]
    return len(usual) / (int(usual.sum()) * tick_s)
