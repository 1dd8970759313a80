"""Cadences: rhythms in which pictures are repeated, such as animation on twos, or 24 frames in 30 or 60.

A cadence is a pattern of new and repeated pictures that occurs at least three times in a row. Within one, the new
pictures are spaced evenly, as they were before somebody repeated some of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

import numpy as np

from slomo_batch.timeline.index import Int64s, SourceTimeline
from slomo_batch.timeline.recipe import SurveyedPictures
from slomo_batch.timeline.repeats import Bools, Changes, clear_repeats, likely_repeats

MIN_CYCLES = 3
PERIODS = range(2, 26)
"""Pictures of a cycle: from 2 (each picture twice) to 25 (24 frames in 25)."""
MIN_CLEAR = Fraction(1, 3)
"""Share of the repeats of a cadence that must be repeats by themselves."""
MOST_TICKS = 5040
"""Most parts into which a tick is divided to space pictures evenly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Pictures [first, end) in a rhythm."""

    first: int
    """The first picture of the first cycle, which is new."""
    end: int
    pattern: tuple[bool, ...]
    """Which pictures of a cycle are new."""

    @property
    def is_even(self) -> bool:
        """Whether evenly spaced pictures are less than the duration of a picture away from where they were."""
        places = np.flatnonzero(self.pattern)
        even = np.arange(len(places)) * len(self.pattern) / len(places)
        return bool((np.abs(even - places) < 1).all())


def without_repeats(pictures: SurveyedPictures, changes: Changes) -> SurveyedPictures:
    """The source pictures without repeats. Those in a cadence are spaced evenly, the others keep their times."""
    is_repeat, cadences = find_repeats(changes)
    return replace(
        pictures,
        recipe=pictures.recipe.only(~is_repeat),
        timeline=_respaced(pictures.timeline, ~is_repeat, cadences),
        num_repeats=int(is_repeat.sum()),
    )


def find_repeats(changes: Changes) -> tuple[Bools, list[Cadence]]:
    """The pictures that repeat the one before, and the cadences, in order."""
    is_clear = clear_repeats(changes)
    is_likely = likely_repeats(changes) | is_clear
    runs = [run for period in PERIODS for run in _regular_runs(is_clear, is_likely, period)]
    is_repeat, is_taken = is_clear.copy(), np.zeros(len(is_clear), dtype=np.bool_)
    found: list[Cadence] = []
    for run in sorted(runs, key=lambda run: (run.first - run.end, run.period)):
        cadence = _cadence(is_clear, is_likely, _free_part(run, is_taken))
        if cadence is not None and cadence.is_even:
            found.append(cadence)
            is_taken[cadence.first : cadence.end] = True
            is_repeat[cadence.first : cadence.end] = ~np.resize(cadence.pattern, cadence.end - cadence.first)
    return is_repeat & ~changes.is_new, sorted(found, key=lambda cadence: cadence.first)


# ---- finding them --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Run:
    """Pictures [first, end), each of which may be new or repeated like the one a period before."""

    first: int
    end: int
    period: int

    @property
    def is_long(self) -> bool:
        return self.end - self.first >= MIN_CYCLES * self.period


def _regular_runs(is_clear: Bools, is_likely: Bools, period: int) -> Iterator[_Run]:
    """Runs of at least MIN_CYCLES cycles in which no picture contradicts the one a period before."""
    if len(is_clear) < MIN_CYCLES * period:
        return
    is_open = is_likely & ~is_clear
    agrees = (is_clear[period:] == is_clear[:-period]) | is_open[period:] | is_open[:-period]
    for first, end in _stretches(agrees):
        run = _Run(first, end + period, period)
        if run.is_long and is_clear[run.first : run.end].any():
            yield run


def _stretches(is_true: Bools) -> list[tuple[int, int]]:
    """First and end of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_true, [False])).astype(np.int8)))
    return [(first, end) for first, end in edges.reshape(-1, 2).tolist()]


def _free_part(run: _Run, is_taken: Bools) -> _Run:
    """The longest part of the run that no other cadence has."""
    free = _stretches(~is_taken[run.first : run.end])
    first, end = max(free, key=lambda part: part[1] - part[0], default=(0, 0))
    return _Run(run.first + first, run.first + end, run.period)


def _cadence(is_clear: Bools, is_likely: Bools, run: _Run) -> Cadence | None:
    """The cadence of this run, from its first new picture on; None if it is none."""
    cycles = [slice(run.first + phase, run.end, run.period) for phase in range(run.period)]
    pattern = [not is_clear[cycle].any() for cycle in cycles]
    repeated = [cycle for is_new, cycle in zip(pattern, cycles, strict=True) if not is_new]
    if len(repeated) in {0, run.period} or not all(is_likely[cycle].all() for cycle in repeated):
        return None
    num_clear, num_repeats = (sum(int(flags[cycle].sum()) for cycle in repeated) for flags in (is_clear, is_likely))
    lead = pattern.index(True)
    if num_clear < MIN_CLEAR * num_repeats or not _Run(run.first + lead, run.end, run.period).is_long:
        return None
    return Cadence(first=run.first + lead, end=run.end, pattern=(*pattern[lead:], *pattern[:lead]))


# ---- spacing -------------------------------------------------------------------------------------------------------


def _respaced(timeline: SourceTimeline, is_new: Bools, cadences: list[Cadence]) -> SourceTimeline:
    """The timeline of the new pictures. Those of every whole cycle are spaced evenly over it, on finer ticks."""
    scale = 1
    respaced: list[Cadence] = []
    for cadence in sorted(cadences, key=lambda one: one.first - one.end):
        finer = lcm(scale, sum(cadence.pattern))
        if finer <= MOST_TICKS:
            scale = finer
            respaced.append(cadence)
    bounds = np.append(timeline.ticks, np.int64(timeline.end)) * scale
    ticks = bounds[:-1].copy()
    for cadence in respaced:
        _space(ticks, bounds, cadence)
    tick_s, steps = timeline.tick_s / scale, np.diff(ticks[is_new])
    is_constant = len(steps) > 0 and bool((steps == steps[0]).all())
    return replace(
        timeline,
        tick_s=tick_s,
        ticks=ticks[is_new],
        end=timeline.end * scale,
        rate=1 / (int(steps[0]) * tick_s) if is_constant else None,
    )


def _space(ticks: Int64s, bounds: Int64s, cadence: Cadence) -> None:
    """Space the new pictures of one cadence; `bounds` are the ticks of all pictures, and the end of the last one."""
    period, places = len(cadence.pattern), np.flatnonzero(cadence.pattern)
    starts = np.arange(cadence.first, cadence.end - period + 1, period)
    lengths = bounds[starts + period] - bounds[starts]
    for number, place in enumerate(places.tolist()):
        ticks[starts + place] = bounds[starts] + lengths * number // len(places)
