"""Zero, end and rate of a source, from its packets."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.timeline.index import FALLBACK_RATE, SourceTimeline, VideoIndex, source_timeline
from tests.timeline.clocks import FILM, MILLISECOND, NTSC, index_of, rounded

WEBCAM = [0, 33, 70, 101, 133, 180, 201, 240]
"""Milliseconds of a camera that keeps no rate; the median step is 33 ms."""


@settings(deadline=None)
@given(start=st.integers(-(10**9), 10**9), order=st.permutations(range(12)))
def test_zero_is_the_first_presented_frame_whatever_the_offset_and_decode_order(start: int, order: list[int]) -> None:
    timeline = source_timeline(index_of([start + place * 512 for place in order], Fraction(1, 12800)))
    assert timeline.ticks.tolist() == list(range(12))
    assert timeline.rate == 25
    assert timeline.duration_s == Fraction(12, 25)


def test_discarded_packets_are_not_presented() -> None:
    index = index_of([-80, -40, 0, 40, 80], MILLISECOND)
    discarded = np.array([True, True, False, False, False])
    timeline = source_timeline(replace(index, is_discarded=discarded))
    assert timeline.num_frames == 3
    assert timeline.duration_s == Fraction(3, 25)


def test_of_packets_with_equal_pts_one_is_shown() -> None:
    assert source_timeline(index_of([0, 40, 40, 80], MILLISECOND)).num_frames == 3


@pytest.mark.parametrize(
    ("last_duration", "end_ms"), [(0, 240 + 33), (100, 340)], ids=["the median step", "what its packet says"]
)
def test_the_last_frame_of_a_variable_rate_has_a_duration(last_duration: int, end_ms: int) -> None:
    timeline = source_timeline(index_of(WEBCAM, MILLISECOND, last_duration=last_duration))
    assert timeline.rate is None
    assert timeline.ticks.tolist() == WEBCAM
    assert timeline.duration_s == Fraction(end_ms, 1000)


@pytest.mark.parametrize(("last_duration", "frames"), [(0, 1), (42, 1), (41, 1), (125, 3), (5, 1)])
def test_the_last_frame_of_a_constant_rate_lasts_whole_frames(last_duration: int, frames: int) -> None:
    index = index_of(rounded(FILM, range(100), MILLISECOND), MILLISECOND, last_duration=last_duration)
    timeline = source_timeline(index)
    assert timeline.duration_s == (99 + frames) / FILM


def test_the_nominal_rate_of_a_variable_rate_is_that_of_the_median_step_snapped_to_a_standard() -> None:
    assert source_timeline(index_of(WEBCAM, MILLISECOND)).nominal_rate == 30


def in_bursts(num: int) -> list[int]:
    """Milliseconds of a recording of 40 frames/s whose frames come in bursts of four."""
    return [100 * (frame // 4) + frame % 4 for frame in range(num)]


@pytest.mark.parametrize(
    ("header", "nominal"), [((), Fraction(48000, 1001)), ((Fraction(40),), Fraction(40))], ids=["no header", "header"]
)
def test_the_nominal_rate_of_bursts_is_near_the_mean(header: tuple[Fraction, ...], nominal: Fraction) -> None:
    timeline = source_timeline(index_of(in_bursts(40), MILLISECOND), header)
    assert timeline.nominal_rate == nominal
    assert timeline.duration_s == Fraction(903 + round(1000 / nominal), 1000)


def test_pauses_do_not_lower_the_nominal_rate() -> None:
    """A screen recording: it moves at about 60 frames/s, and then nothing changes for minutes."""
    moving = [0, 17, 33, 51, 66, 84]
    times = [minute * 60_000 + time for minute in range(9) for time in moving]
    assert source_timeline(index_of(times, MILLISECOND)).nominal_rate == Fraction(1000, 17)


def test_a_time_lapse_of_variable_rate_has_its_median_rate() -> None:
    assert source_timeline(index_of([0, 10_000, 21_000, 30_000, 41_500], MILLISECOND)).nominal_rate == Fraction(2, 21)


@pytest.mark.parametrize(
    ("rates", "last_duration", "duration_s"),
    [
        ((), 0, 1 / FALLBACK_RATE),
        ((Fraction(0), NTSC), 0, 1 / NTSC),
        ((NTSC,), 500, Fraction(1, 2)),
    ],
    ids=["nothing known", "a rate in the header", "a duration"],
)
def test_a_single_frame_has_a_duration(rates: tuple[Fraction, ...], last_duration: int, duration_s: Fraction) -> None:
    timeline = source_timeline(index_of([700], MILLISECOND, last_duration=last_duration), rates)
    assert timeline.num_frames == 1
    assert timeline.duration_s == duration_s
    assert timeline.nominal_rate == next((rate for rate in rates if rate), FALLBACK_RATE)


def test_an_index_without_a_presented_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="no presented frame"):
        source_timeline(index_of([], MILLISECOND))


def test_an_index_whose_arrays_differ_in_length_is_refused() -> None:
    index = index_of([0, 40], MILLISECOND)
    with pytest.raises(ValueError, match="differ in length"):
        replace(index, pts=np.array([0], dtype=np.int64))


def test_an_index_is_immutable() -> None:
    index: VideoIndex = index_of([0, 40], MILLISECOND)
    with pytest.raises(ValueError, match="read-only"):
        index.pts[0] = 1


@pytest.mark.parametrize(("ticks", "end"), [([1, 2], 3), ([0, 0], 1), ([0, 2, 1], 3), ([0, 5], 5), ([], 1)])
def test_a_timeline_whose_ticks_do_not_increase_from_zero_is_refused(ticks: list[int], end: int) -> None:
    array = np.array(ticks, dtype=np.int64)
    with pytest.raises(ValueError, match="strictly increasing"):
        SourceTimeline(tick_s=MILLISECOND, ticks=array, end=end, rate=None, nominal_rate=NTSC)
