"""Ramps: exact, increasing, whole frames, and untouched source frames at normal speed."""

from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.plan.chunks import partition
from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.ramp import STEPS_PER_FRAME, PlacedKey, RampKey, SpeedPart, parse_ramp, ramp_text, speed_parts
from slomo_batch.timeline.retiming import OutputGrid
from tests.timeline.clocks import output_rates, timelines

speeds = st.fractions(Fraction(1, 40), 1, max_denominator=40)
parts = st.builds(
    lambda first, span, frames, v0, v1, smooth: SpeedPart(
        first_tick=first,
        end_tick=first + span,
        num_frames=frames,
        first_speed=v0,
        last_speed=v1,
        is_smooth=smooth,
    ),
    st.integers(0, 1000),
    st.integers(1, 500),
    st.integers(1, 60),
    speeds,
    speeds,
    st.booleans(),
)


@settings(deadline=None)
@given(parts)
def test_a_part_goes_from_its_first_tick_to_its_end_and_never_back(part: SpeedPart) -> None:
    ticks = [part.tick_at(frame) for frame in range(part.num_frames + 1)]
    assert (ticks[0], ticks[-1]) == (Fraction(part.first_tick), Fraction(part.end_tick))
    assert all(here < there for here, there in pairwise(ticks))


@settings(deadline=None)
@given(parts)
def test_the_first_frame_of_a_tick_is_the_first_one_at_or_after_it(part: SpeedPart) -> None:
    ticks = np.arange(part.first_tick, part.end_tick)
    shown = [part.tick_at(frame) for frame in range(part.num_frames + 1)]
    expected = [next(n for n, time in enumerate(shown) if time >= tick) for tick in ticks.tolist()]
    assert part.first_frames(ticks).tolist() == expected


@settings(deadline=None)
@given(parts)
def test_the_speed_goes_from_key_to_key(part: SpeedPart) -> None:
    """Compared with a sum of small steps at the speed of their middle."""
    v0, v1, num = float(part.first_speed), float(part.last_speed), 1000
    u = (np.arange(num) + 0.5) / num
    speed = v0 + (v1 - v0) * (u * u * (3 - 2 * u) if part.is_smooth else u)
    assert speed.mean() == pytest.approx((v0 + v1) / 2)
    for share in (0.1, 0.5, 0.8):
        walked = speed[: round(share * num)].sum() / speed.sum()
        found = part.tick_at(Fraction(str(share)) * part.num_frames)
        assert float(found) == pytest.approx(part.first_tick + walked * (part.end_tick - part.first_tick), abs=1e-3)


@st.composite
def ramped(draw: st.DrawFn) -> tuple[SourceTimeline, OutputGrid]:
    """A timeline and the grid of a ramp on it, or on a range of it."""
    timeline, rate = draw(timelines), draw(output_rates)
    first = draw(st.integers(0, timeline.num_frames - 1))
    stop = draw(st.integers(first + 1, timeline.num_frames))
    grid = OutputGrid.covering(
        timeline, rate=rate, slowdown=Fraction(1), first_pair=first, end_pair=stop % timeline.num_frames
    )
    at = sorted(draw(st.sets(st.integers(first, stop - 1), min_size=1, max_size=4)))
    keys = [
        PlacedKey(
            tick=int(timeline.ticks[n]), speed=1 / draw(st.fractions(1, 8, max_denominator=4)), is_smooth=n % 2 == 0
        )
        for n in at
    ]
    end = timeline.end if stop == timeline.num_frames else int(timeline.ticks[stop])
    made = speed_parts(keys, first_tick=grid.first_tick, end_tick=end, tick_s=timeline.tick_s, rate=rate)
    for part in made:
        ideal = 2 * (part.end_tick - part.first_tick) * timeline.tick_s * rate / (part.first_speed + part.last_speed)
        assert abs(part.num_frames - ideal) <= Fraction(1, 2) or len(made) == part.num_frames == 1
    return timeline, grid.ramped(timeline, made) if made and sum(p.num_frames for p in made) < 3000 else grid


@settings(deadline=None, max_examples=60)
@given(ramped(), st.integers(1, 9), st.integers(1, 30))
def test_every_frame_belongs_to_one_chunk_and_shows_its_pair(
    made: tuple[SourceTimeline, OutputGrid], num_pairs: int, num_frames: int
) -> None:
    timeline, grid = made
    frames = range(min(grid.num_frames, 300))
    times = list(grid.frame_times(timeline.ticks, timeline.tick_s, 0, frames))
    first = grid.first_frames(timeline)
    assert (np.diff(first) >= 0).all()
    for time in times:
        assert first[time.pair] <= time.frame < first[time.pair + 1]
    if not grid.num_frames:
        return
    chunks = partition(
        first,
        pairs_per_chunk=num_pairs,
        frames_per_chunk=num_frames,
        pairs=grid.pairs(timeline.num_frames),
        identify=lambda *_: "id",
    )
    assert [chunks[0].first_frame, *(chunk.end_frame for chunk in chunks)] == [
        *(chunk.first_frame for chunk in chunks),
        grid.num_frames,
    ]
    for chunk in chunks:
        own = timeline.ticks[chunk.first_pair : chunk.end_pair + 1]
        some = range(chunk.first_frame, min(chunk.end_frame, 300))
        assert (
            list(grid.frame_times(own, timeline.tick_s, chunk.first_pair, some)) == times[chunk.first_frame : some.stop]
        )
        assert chunk.end_frame - chunk.first_frame < num_frames + np.diff(first).max()


@settings(deadline=None, max_examples=60)
@given(ramped(), st.fractions(0, 1, max_denominator=50))
def test_the_time_of_an_instant_shows_that_instant(made: tuple[SourceTimeline, OutputGrid], share: Fraction) -> None:
    """To a 65,536th of a frame, never before it."""
    timeline, grid = made
    tick_s = timeline.tick_s
    source_s = grid.num_frames / grid.rate / grid.slowdown * share
    frame = grid.output_s(source_s, tick_s) * grid.rate
    wanted = grid.first_tick + source_s / tick_s
    assert grid.source_tick(frame, tick_s) >= min(wanted, grid.source_tick(Fraction(grid.num_frames), tick_s))
    if frame >= Fraction(1, STEPS_PER_FRAME) and not _begins_a_part(grid, frame):
        assert grid.source_tick(frame - Fraction(1, STEPS_PER_FRAME), tick_s) < wanted


def _begins_a_part(grid: OutputGrid, frame: Fraction) -> bool:
    """After a part too short to be shown, time jumps."""
    return any(frame == begin for begin in accumulate((part.num_frames for part in grid.parts), initial=0))


def test_normal_speed_shows_untouched_source_frames() -> None:
    rate = Fraction(24000, 1001)
    timeline = SourceTimeline(tick_s=1 / rate, ticks=np.arange(100), end=100, rate=rate, nominal_rate=rate)
    keys = [
        PlacedKey(tick=20, speed=Fraction(1), is_smooth=True),
        PlacedKey(tick=31, speed=Fraction(1, 3), is_smooth=True),
        PlacedKey(tick=57, speed=Fraction(1), is_smooth=False),
    ]
    grid = OutputGrid.covering(timeline, rate=rate, slowdown=Fraction(1))
    made = speed_parts(keys, first_tick=0, end_tick=100, tick_s=1 / rate, rate=rate)
    grid = grid.ramped(timeline, made)
    times = list(grid.frame_times(timeline.ticks, timeline.tick_s, 0, range(grid.num_frames)))
    assert [(time.pair, time.t) for time in times[:20]] == [(n, Fraction(0)) for n in range(20)]
    assert [(time.pair, time.t) for time in times[-43:]] == [(n, Fraction(0)) for n in range(57, 100)]
    assert {20, 31, 57} <= {time.pair for time in times if time.t == 0}
    assert grid.slowdown == Fraction(grid.num_frames, 100)


def test_the_text_of_a_ramp_is_read_back() -> None:
    keys = (RampKey(at="0", slowdown=Fraction(1)), RampKey(at="00:00:01;02", slowdown=Fraction(5, 2), is_smooth=True))
    assert ramp_text(keys) == "0 1, 00:00:01;02 5/2 smooth"
    assert parse_ramp(ramp_text(keys)) == keys
    with pytest.raises(ValueError, match="not a key of a ramp"):
        parse_ramp("0 1 fast")
