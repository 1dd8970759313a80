"""Find a constant rate behind timestamps that a container rounded."""

from fractions import Fraction
from math import gcd

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slomo_batch.timeline.rates import (
    MAX_ROUNDING_S,
    STANDARD_RATES,
    find_constant_rate,
    parse_rational,
    snap_to_standard,
)
from tests.timeline.clocks import FILM, MILLISECOND, NTSC, NTSC_60, RATES, rounded


@pytest.mark.parametrize("rate", STANDARD_RATES)
@pytest.mark.parametrize("how", ["nearest", "down", "up"])
def test_standard_rates_are_found_behind_millisecond_timestamps(rate: Fraction, how: str) -> None:
    """Five seconds suffice to distinguish 24 from 24000/1001 without a header."""
    frames = range(int(5 * rate) + 2)
    found = find_constant_rate(rounded(rate, frames, MILLISECOND, how=how), MILLISECOND)
    assert found is not None
    assert found.rate == rate
    assert found.grid.tolist() == list(frames)


@settings(deadline=None)
@given(
    rate=st.sampled_from(RATES),
    time_base=st.sampled_from([MILLISECOND, Fraction(1, 90000), Fraction(1, 10**6)]),
    how=st.sampled_from(["nearest", "down", "up"]),
    steps=st.lists(st.sampled_from([1, 1, 1, 1, 1, 2, 7]), min_size=20, max_size=200),
    first=st.integers(-1000, 1000),
)
def test_with_gaps_and_offsets_every_frame_keeps_its_own_grid_point(
    rate: Fraction, time_base: Fraction, how: str, steps: list[int], first: int
) -> None:
    assume(np.median(steps) == 1)
    frames = np.cumsum([0, *steps]).tolist()
    pts = rounded(rate, [first + frame for frame in frames], time_base, how=how)
    found = find_constant_rate(pts, time_base, [rate])
    assert found is not None
    assert found.grid.tolist() == frames
    assert found.rate == rate


@settings(deadline=None)
@given(
    steps=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    time_base=st.sampled_from([MILLISECOND, Fraction(1, 90000), Fraction(1, 240)]),
)
def test_a_rate_is_found_only_if_all_frames_lie_on_its_grid(steps: list[int], time_base: Fraction) -> None:
    pts = np.cumsum([0, *steps])
    found = find_constant_rate(pts, time_base, [NTSC])
    if found is None:
        return
    assert (np.diff(found.grid) >= 1).all()
    assert found.grid[0] == 0
    offsets_s = [int(at) * time_base - int(point) / found.rate for at, point in zip(pts, found.grid, strict=True)]
    allowed_s = min(gcd(*steps) * time_base, MAX_ROUNDING_S)
    assert max(offsets_s) - min(offsets_s) <= allowed_s


@settings(deadline=None)
@given(step=st.integers(1, 10**6), count=st.integers(2, 50), denominator=st.integers(1, 10**6))
def test_equal_steps_are_exact_whatever_the_rate(step: int, count: int, denominator: int) -> None:
    found = find_constant_rate(np.arange(count) * step, Fraction(1, denominator))
    assert found is not None
    assert found.rate == Fraction(denominator, step)
    assert found.grid.tolist() == list(range(count))


def test_the_header_decides_between_rates_that_fit_equally_well() -> None:
    pts = rounded(NTSC_60, range(20), MILLISECOND)
    by_header = [find_constant_rate(pts, MILLISECOND, [rate]) for rate in (NTSC_60, Fraction(60))]
    assert [found and found.rate for found in by_header] == [NTSC_60, 60]


def test_a_header_rate_that_does_not_fit_is_ignored() -> None:
    pts = rounded(FILM, range(240), MILLISECOND)
    found = find_constant_rate(pts, MILLISECOND, [Fraction(0), Fraction(25), Fraction(1000)])
    assert found is not None
    assert found.rate == FILM


def test_a_non_standard_rate_is_found_only_through_the_header() -> None:
    rate = Fraction(1700, 99)
    pts = rounded(rate, range(200), MILLISECOND)
    assert find_constant_rate(pts, MILLISECOND) is None
    found = find_constant_rate(pts, MILLISECOND, [rate])
    assert found is not None
    assert found.rate == rate


@pytest.mark.parametrize(
    "pts",
    [
        [0],
        [0, 33, 66, 99, 140, 173, 207, 260],
        [0, 33, 67, 100, 133, 167, 200, 233, 283],
        [0, 40, 80, 120, 121],
        [0, 33, 83, 117, 167, 200, 250, 283],
    ],
    ids=["one frame", "jitter", "a step and a half", "two frames at once", "telecine"],
)
def test_timestamps_without_a_constant_rate_have_none(pts: list[int]) -> None:
    assert find_constant_rate(np.array(pts), MILLISECOND) is None


@pytest.mark.parametrize(
    ("measured", "meant"),
    [
        (Fraction(1000, 33), Fraction(30)),
        (Fraction(30000, 1002), NTSC),
        (Fraction(2997, 100), NTSC),
        (Fraction(5000, 209), FILM),
        (Fraction(1000, 17), Fraction(1000, 17)),
        (Fraction(25), Fraction(25)),
        (Fraction(17), Fraction(17)),
    ],
)
def test_a_rate_snaps_to_the_nearest_standard_rate_within_one_percent(measured: Fraction, meant: Fraction) -> None:
    assert snap_to_standard(measured) == meant


@pytest.mark.parametrize(
    ("text", "value"),
    [("5/2", Fraction(5, 2)), ("60000/1001", NTSC_60), ("2.5", Fraction(5, 2)), (4, Fraction(4)), (NTSC, NTSC)],
)
def test_rationals_are_parsed_exactly(text: str | int | Fraction, value: Fraction) -> None:
    assert parse_rational(text) == value


@pytest.mark.parametrize("text", ["", "4x", "1/0", "1/2/3", "nan"])
def test_other_text_is_not_a_rational(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 any words will do
        parse_rational(text)
