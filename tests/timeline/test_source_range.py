"""The frames of a range, and their times."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.timeline.source_range import frames_in_range
from tests.timeline.clocks import NTSC, output_rates, slowdowns, timelines


def constant(num: int, rate: Fraction) -> SourceTimeline:
    return SourceTimeline(tick_s=1 / rate, ticks=np.arange(num), end=num, rate=rate, nominal_rate=rate)


@settings(deadline=None)
@given(timelines, st.fractions(0, 100, max_denominator=1000), st.fractions(0, 100, max_denominator=1000))
def test_a_range_has_the_frames_that_begin_in_it(timeline: SourceTimeline, start: Fraction, duration: Fraction) -> None:
    frames = frames_in_range(timeline, start=str(start), end="", duration=str(duration))
    inside = [n for n, tick in enumerate(timeline.ticks) if start <= tick * timeline.tick_s < start + duration]
    assert list(frames) == inside
    assert frames == frames_in_range(timeline, start=str(start), end=str(start + duration), duration="")


@settings(deadline=None)
@given(timelines, slowdowns, output_rates, st.data())
def test_a_range_shows_what_the_whole_video_shows_from_its_first_frame_on(
    timeline: SourceTimeline, slowdown: Fraction, rate: Fraction, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, timeline.num_frames - 1))
    stop = data.draw(st.integers(first + 1, timeline.num_frames))
    end_pair = stop % timeline.num_frames
    grid = OutputGrid.covering(timeline, rate=rate, slowdown=slowdown, first_pair=first, end_pair=end_pair)
    end = timeline.end if not end_pair else int(timeline.ticks[stop])
    zero = int(timeline.ticks[first])
    assert grid.num_frames == ceil((end - zero) * timeline.tick_s * slowdown * rate)
    frames = range(min(grid.num_frames, 50))
    for time in grid.frame_times(timeline.ticks, timeline.tick_s, 0, frames):
        here = int(timeline.ticks[time.pair])
        step = 0 if time.pair + 1 == timeline.num_frames else int(timeline.ticks[time.pair + 1]) - here
        shown = zero + time.frame / (rate * slowdown * timeline.tick_s)
        assert time.pair in grid.pairs(timeline.num_frames)
        assert here + time.t * step == shown or (not step and shown > here)
    first_frames = grid.first_frames(timeline)
    assert (first_frames[first], first_frames[stop]) == (0, grid.num_frames)
    assert (np.diff(first_frames) >= 0).all()


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [("", "", range(100)), ("00:00:01:15", "00:00:02:00", range(45, 60)), ("", "1", range(30)), ("60", "", range(0))],
)
def test_timecodes_name_frames(start: str, end: str, frames: range) -> None:
    assert frames_in_range(constant(100, NTSC), start=start, end=end, duration="") == frames


def test_an_end_before_the_start_has_no_frame() -> None:
    assert not frames_in_range(constant(100, NTSC), start="2", end="1", duration="")
