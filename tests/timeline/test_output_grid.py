"""Which output frames exist and what they show, compared with plain fractions; splitting into chunks changes
nothing."""

from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.plan.chunks import partition
from slomo_batch.timeline.index import SourceTimeline, source_timeline
from slomo_batch.timeline.retiming import FrameTime, OutputGrid
from tests.timeline.clocks import (
    FILM,
    MILLISECOND,
    RATES,
    constant_timelines,
    index_of,
    output_rates,
    rounded,
    slowdowns,
    timelines,
    variable_timelines,
)


def _expected(timeline: SourceTimeline, grid: OutputGrid, frame: int) -> FrameTime:
    """The definition, by search: pts_i <= s < pts_(i+1), t = (s - pts_i) / (pts_(i+1) - pts_i)."""
    instant_s = frame / grid.rate / grid.slowdown
    shown_s = [int(tick) * timeline.tick_s for tick in timeline.ticks]
    pair = max(number for number, start_s in enumerate(shown_s) if start_s <= instant_s)
    if pair + 1 == len(shown_s):
        return FrameTime(frame=frame, pair=pair, t=Fraction(0))
    t = (instant_s - shown_s[pair]) / (shown_s[pair + 1] - shown_s[pair])
    return FrameTime(frame=frame, pair=pair, t=t)


def _all_times(timeline: SourceTimeline, grid: OutputGrid) -> list[FrameTime]:
    return list(grid.frame_times(timeline.ticks, timeline.tick_s, 0, range(grid.num_frames)))


@settings(deadline=None)
@given(timeline=timelines, rate=output_rates, slowdown=slowdowns, data=st.data())
def test_an_output_frame_shows_what_the_definition_says(
    timeline: SourceTimeline, rate: Fraction, slowdown: Fraction, data: st.DataObject
) -> None:
    grid = OutputGrid.covering(timeline, rate=rate, slowdown=slowdown)
    first = data.draw(st.integers(0, grid.num_frames - 1))
    frames = range(first, min(grid.num_frames, first + 20))
    times = list(grid.frame_times(timeline.ticks, timeline.tick_s, 0, frames))
    assert times == [_expected(timeline, grid, frame) for frame in frames]
    assert all(0 <= time.t < 1 for time in times)


@settings(deadline=None)
@given(timeline=timelines, rate=output_rates, slowdown=slowdowns)
def test_the_output_lasts_as_long_as_the_slowed_source_to_within_one_frame(
    timeline: SourceTimeline, rate: Fraction, slowdown: Fraction
) -> None:
    grid = OutputGrid.covering(timeline, rate=rate, slowdown=slowdown)
    wanted_s = timeline.duration_s * slowdown
    assert (grid.num_frames - 1) / rate < wanted_s <= grid.num_frames / rate


@settings(max_examples=60, deadline=None)
@given(timeline=timelines, rate=output_rates, slowdown=slowdowns)
def test_first_frames_agrees_with_the_definition(timeline: SourceTimeline, rate: Fraction, slowdown: Fraction) -> None:
    grid = OutputGrid.covering(timeline, rate=min(rate, Fraction(60)), slowdown=min(slowdown, Fraction(4)))
    first = grid.first_frames(timeline).tolist()
    assert (first[0], first[-1]) == (0, grid.num_frames)
    owners = [pair for pair, (start, end) in enumerate(pairwise(first)) for _ in range(start, end)]
    step = max(1, grid.num_frames // 100)
    sampled = range(0, grid.num_frames, step)
    assert [owners[frame] for frame in sampled] == [_expected(timeline, grid, frame).pair for frame in sampled]


@settings(max_examples=60, deadline=None)
@given(
    timeline=timelines,
    rate=output_rates,
    slowdown=slowdowns,
    pairs_per_chunk=st.integers(1, 50),
    context=st.integers(0, 3),
)
def test_chunks_together_show_what_the_whole_video_shows(
    timeline: SourceTimeline, rate: Fraction, slowdown: Fraction, pairs_per_chunk: int, context: int
) -> None:
    """Each chunk gets only the ticks of its own frames and its context, as a worker does."""
    grid = OutputGrid.covering(timeline, rate=min(rate, Fraction(60)), slowdown=min(slowdown, Fraction(4)))
    chunks = partition(grid.first_frames(timeline), pairs_per_chunk=pairs_per_chunk, identify=lambda *place: str(place))
    joined: list[FrameTime] = []
    for chunk in chunks:
        seen = chunk.source_frames(context=context, num_frames=timeline.num_frames)
        ticks = timeline.ticks[seen.start : seen.stop]
        times = list(grid.frame_times(ticks, timeline.tick_s, seen.start, range(chunk.first_frame, chunk.end_frame)))
        assert all(chunk.first_pair <= time.pair < chunk.end_pair for time in times)
        joined += times
    assert joined == _all_times(timeline, grid)


@settings(deadline=None)
@given(timeline=constant_timelines(), slowdown=st.integers(1, 8))
def test_an_integer_slowdown_at_the_source_rate_shows_every_source_frame_at_t_zero(
    timeline: SourceTimeline, slowdown: int
) -> None:
    assert timeline.rate is not None
    grid = OutputGrid.covering(timeline, rate=timeline.rate, slowdown=Fraction(slowdown))
    assert grid.num_frames == timeline.end * slowdown
    untouched = grid.frame_times(timeline.ticks, timeline.tick_s, 0, range(0, grid.num_frames, slowdown))
    shown = {time.pair for time in untouched if time.t == 0}
    assert shown == set(range(timeline.num_frames))


@pytest.mark.parametrize("source_rate", RATES)
@pytest.mark.parametrize("output_rate", [Fraction(60), Fraction(60000, 1001)])
@pytest.mark.parametrize("time_base", [None, MILLISECOND, Fraction(1, 90000)])
def test_three_hours_do_not_drift(source_rate: Fraction, output_rate: Fraction, time_base: Fraction | None) -> None:
    """Checks all output frames of three hours in integers, and the last seconds in fractions too."""
    num_frames = int(3 * 3600 * source_rate)
    pts = np.arange(num_frames, dtype=np.int64)
    if time_base is not None:
        per_frame = 1 / source_rate / time_base
        pts = (2 * pts * per_frame.numerator + per_frame.denominator) // (2 * per_frame.denominator)
    timeline = source_timeline(index_of(pts, time_base or 1 / source_rate))
    grid = OutputGrid.covering(timeline, rate=output_rate, slowdown=Fraction(1))
    assert timeline.rate == source_rate
    ratio = output_rate / source_rate
    assert grid.num_frames == ceil(num_frames * ratio)
    exact = -((-np.arange(num_frames + 1) * ratio.numerator) // ratio.denominator)
    assert np.array_equal(grid.first_frames(timeline), exact)
    tail = range(grid.num_frames - 200, grid.num_frames)
    for time in grid.frame_times(timeline.ticks, timeline.tick_s, 0, tail):
        assert time.pair + time.t in {time.frame / ratio, num_frames - 1}


def test_24_to_60_frames_per_second_shows_each_frame_two_or_three_times() -> None:
    timeline = source_timeline(index_of(rounded(FILM, range(240), MILLISECOND), MILLISECOND))
    grid = OutputGrid.covering(timeline, rate=Fraction(60), slowdown=Fraction(1))
    assert set(np.diff(grid.first_frames(timeline)).tolist()) == {2, 3}
    assert grid.num_frames == 601, "240 frames last 10.01 s"


@settings(deadline=None)
@given(timeline=variable_timelines(), slowdown=st.sampled_from(["1.0000000000000000001", "3.14159265358979323846"]))
def test_numbers_beyond_64_bits_are_exact_too(timeline: SourceTimeline, slowdown: str) -> None:
    for rate in (Fraction("0.00000000000000000001"), Fraction("59.94005994005994005994")):
        grid = OutputGrid.covering(timeline, rate=rate, slowdown=Fraction(slowdown))
        first = grid.first_frames(timeline)
        step = grid.ticks_per_frame(timeline.tick_s)
        expected = [min(ceil(int(tick) / step), grid.num_frames) for tick in timeline.ticks]
        assert first.tolist() == [*expected, grid.num_frames]


def test_a_frame_before_the_given_ticks_is_refused() -> None:
    grid = OutputGrid(rate=Fraction(25), slowdown=Fraction(4), num_frames=40)
    with pytest.raises(ValueError, match="before source frame 5"):
        list(grid.frame_times(np.array([5, 6]), Fraction(1, 25), 5, range(19, 21)))


def test_frame_times_are_computed_lazily() -> None:
    """One damaged duration can make a pair of 10^12 frames: a list of all its times would fill the memory."""
    grid = OutputGrid(rate=Fraction(25), slowdown=Fraction(4), num_frames=10**12)
    times = grid.frame_times(np.array([0, 10**12]), Fraction(1, 25), 0, range(10**12))
    assert [next(times).t for _ in range(3)] == [Fraction(k, 4 * 10**12) for k in range(3)]
