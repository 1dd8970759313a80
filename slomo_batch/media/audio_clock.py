"""Which source sample is heard at an output sample: at a constant slowdown, or one that changes from knot to knot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.retiming import OutputGrid

BLOCK_S = Fraction(1, 100)
"""Output seconds of a ramp for which the slowdown of the audio is constant."""
_FAR_S = 1e6


@dataclass(frozen=True, slots=True)
class Knot:
    """A time of the output, and the time of the source that is heard then; both in seconds from their zero."""

    output_s: Fraction
    source_s: Fraction


def ramp_knots(grid: OutputGrid, tick_s: Fraction) -> tuple[Knot, ...]:
    """The knots of a ramp: every BLOCK_S while the speed changes, and where parts begin; none if there is no ramp."""
    return tuple(_knots(grid, tick_s)) if grid.parts else ()


def _knots(grid: OutputGrid, tick_s: Fraction) -> Iterator[Knot]:
    begin_s = Fraction(0)
    for part in grid.parts:
        length_s = part.num_frames / grid.rate
        is_constant = part.first_speed == part.last_speed
        num_blocks = 1 if is_constant else ceil(length_s / BLOCK_S)
        for block in range(num_blocks):
            frame = Fraction(block, num_blocks) * part.num_frames
            tick = part.tick_at(frame) - grid.first_tick
            yield Knot(begin_s + frame / grid.rate, tick * tick_s)
        begin_s += length_s
    last = grid.parts[-1]
    yield Knot(begin_s, (last.end_tick - grid.first_tick) * tick_s)


class Clock(Protocol):
    """Maps samples of the output to samples of the source, and back."""

    def source_at(self, output: float) -> float:
        """The source sample that is heard at an output sample."""

    def output_at(self, source: float) -> float:
        """The output sample at which a source sample is heard."""

    def output_sample(self, source: int) -> int:
        """The same for a whole sample, rounded to one."""


class ConstantClock:
    """The clock of a constant slowdown."""

    def __init__(self, slowdown: Fraction) -> None:
        self._slowdown = slowdown
        self._speed = float(1 / slowdown)

    def source_at(self, output: float) -> float:
        """The source sample that is heard at an output sample."""
        return output * self._speed

    def output_at(self, source: float) -> float:
        """The output sample at which a source sample is heard."""
        return source / self._speed

    def output_sample(self, source: int) -> int:
        """The same for a whole sample, rounded to one."""
        return round(source * self._slowdown)


class KnottedClock:
    """The clock of a slowdown that is constant from each knot to the next, and 1 before the first and after the
    last."""

    def __init__(self, knots: Sequence[Knot], sample_rate: int) -> None:
        outputs = np.array([float(knot.output_s) for knot in knots])
        sources = np.array([float(knot.source_s) for knot in knots])
        self._outputs = _with_far_ends(outputs) * sample_rate
        self._sources = _with_far_ends(sources) * sample_rate

    def source_at(self, output: float) -> float:
        """The source sample that is heard at an output sample."""
        return float(np.interp(output, self._outputs, self._sources))

    def output_at(self, source: float) -> float:
        """The output sample at which a source sample is heard."""
        return float(np.interp(source, self._sources, self._outputs))

    def output_sample(self, source: int) -> int:
        """The same for a whole sample, rounded to one."""
        return round(self.output_at(source))


def _with_far_ends(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate(([times_s[0] - _FAR_S], times_s, [times_s[-1] + _FAR_S]))
