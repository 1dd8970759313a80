"""Timestamps as containers store them."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from slomo_batch.timeline.index import Int64s, SourceTimeline, VideoIndex

FILM, NTSC, NTSC_60 = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
RATES = (FILM, Fraction(25), NTSC, Fraction(50), NTSC_60, Fraction(120))
MILLISECOND = Fraction(1, 1000)

slowdowns = st.sampled_from([Fraction(1), Fraction(2), Fraction(4), Fraction(8), Fraction(5, 2)]) | st.fractions(
    1, 40, max_denominator=1000
)
output_rates = st.sampled_from([*RATES, Fraction(24), Fraction(60), Fraction(1, 2)]) | st.fractions(
    Fraction(1, 10), 240, max_denominator=1001
)


def rounded(rate: Fraction, frames: Sequence[int], time_base: Fraction, *, how: str = "nearest") -> Int64s:
    """Pts of frames on the grid of `rate`, as stored by a container with this time base."""
    shift = {"down": Fraction(0), "nearest": Fraction(1, 2), "up": 1 - Fraction(1, 10**12)}[how]
    return np.array([(frame / rate / time_base + shift).__floor__() for frame in frames], dtype=np.int64)


def index_of(pts: Sequence[int] | Int64s, time_base: Fraction, *, last_duration: int = 0) -> VideoIndex:
    """An index of presented keyframes with these pts."""
    count = len(pts)
    return VideoIndex(
        time_base=time_base,
        pts=np.array(pts, dtype=np.int64),
        size_bytes=np.ones(count, dtype=np.int64),
        is_keyframe=np.ones(count, dtype=np.bool_),
        is_discarded=np.zeros(count, dtype=np.bool_),
        last_duration=last_duration,
    )


@st.composite
def variable_timelines(draw: st.DrawFn) -> SourceTimeline:
    """Frames at any increasing times."""
    steps = draw(st.lists(st.integers(1, 10_000), max_size=40))
    ticks = np.cumsum([0, *steps], dtype=np.int64)
    tick_s = Fraction(1, draw(st.sampled_from([600, 1000, 12800, 90000, 10**6])))
    end = int(ticks[-1]) + draw(st.integers(1, 10_000))
    return SourceTimeline(tick_s=tick_s, ticks=ticks, end=end, rate=None, nominal_rate=Fraction(25))


@st.composite
def constant_timelines(draw: st.DrawFn) -> SourceTimeline:
    """Frames of a constant rate, with gaps."""
    rate = draw(st.sampled_from(RATES))
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 5]), max_size=60))
    ticks = np.cumsum([0, *gaps], dtype=np.int64)
    return SourceTimeline(tick_s=1 / rate, ticks=ticks, end=int(ticks[-1]) + 1, rate=rate, nominal_rate=rate)


timelines = constant_timelines() | variable_timelines()
