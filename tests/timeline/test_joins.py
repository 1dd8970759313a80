"""Where the timestamps of a stream restart, and where they only seem to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.timeline.joins import Join, find_part_starts, place_joins


def stored(num_gops: int, gop: int, bframes: int, step: int = 40, start: int = 0) -> tuple[list[int], list[bool]]:
    """Times and keyframe flags of closed groups of pictures, in decode order."""
    pts: list[int] = []
    for first in range(0, num_gops * gop, gop):
        order, number = [0], 1
        while number < gop:
            last = min(number + bframes, gop - 1)
            order += [last, *range(number, last)]
            number = last + 1
        pts += [start + step * (first + place) for place in order]
    return pts, [place % gop == 0 for place in range(num_gops * gop)]


def starts(*parts: tuple[list[int], list[bool]]) -> list[int]:
    pts = np.array([time for part, _ in parts for time in part], dtype=np.int64)
    return find_part_starts(pts, np.array([flag for _, flags in parts for flag in flags]))


SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 20), st.integers(0, 15), st.integers(1, 99))
"""Groups of pictures, pictures in each, B-frames, ticks per frame."""


@given(SHAPES)
def test_an_ordinary_stream_has_no_join(shape: tuple[int, int, int, int]) -> None:
    assert starts(stored(*shape)) == []


@given(SHAPES, st.integers(2, 5), st.data())
def test_every_part_of_a_joined_stream_is_found(
    shape: tuple[int, int, int, int], num_parts: int, data: st.DataObject
) -> None:
    """Each part's timestamps start this many frames before the end of the previous part; a single frame could be a
    field."""
    num_gops, gop, _, step = shape
    length = num_gops * gop
    fall = data.draw(st.integers(1, length))
    parts = [stored(*shape, start=number * (length - fall) * step) for number in range(num_parts)]
    assert starts(*parts) == ([number * length for number in range(1, num_parts)] if fall > 1 else [])


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("odd", [-5000, 5000, 100_000])
@pytest.mark.parametrize("place", [30, 36, 47])
@pytest.mark.parametrize("num", [1, 3])
def test_a_few_damaged_timestamps_are_no_join(bframes: int, odd: int, place: int, num: int) -> None:
    pts, flags = stored(8, 12, bframes, start=10_000)
    pts[place : place + num] = [time + odd for time in pts[place : place + num]]
    assert starts((pts, flags)) == []


@given(SHAPES, st.data())
def test_a_variable_rate_is_no_join(shape: tuple[int, int, int, int], data: st.DataObject) -> None:
    """However long frames last: B-frames are stored after a frame that is shown minutes later."""
    pts, flags = stored(*shape)
    steps = data.draw(st.lists(st.sampled_from([1, 2, 100, 5000]), min_size=len(pts), max_size=len(pts)))
    times = dict(zip(sorted(pts), np.cumsum(steps).tolist(), strict=True))
    assert starts(([times[time] for time in pts], flags)) == []


def test_a_keyframe_with_a_rounding_error_is_no_join() -> None:
    pts, flags = stored(8, 12, 0)
    pts[48] = pts[47] - 1
    assert starts((pts, flags)) == []


def test_a_part_may_begin_between_two_keyframes() -> None:
    pts, flags = stored(8, 12, 2)
    assert starts((pts, flags), (pts[5:], flags[5:])) == [96]


def test_a_join_is_found_at_any_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    pts, flags = stored(8, 12, 2)
    parts = (pts, flags), (pts[5:], flags[5:]), (pts, flags)
    whole = starts(*parts)
    for num_packets in (1, 7, 96):
        monkeypatch.setattr("slomo_batch.timeline.joins.BLOCK_PACKETS", num_packets)
        assert starts(*parts) == whole == [96, 187]


def test_second_fields_with_the_time_of_the_first_are_no_join() -> None:
    assert starts(([time for time in range(0, 2000, 40) for _ in range(2)], [True] * 100)) == []


def test_parts_follow_one_another() -> None:
    pts = np.array([100, 140, 180, 40, 120, 80, 500], dtype=np.int64)
    shown = np.ones(7, np.bool_)
    assert place_joins([3, 6], pts, shown, lone_step=40) == (
        Join(first_packet=3, offset=180),
        Join(first_packet=6, offset=-160),
    )
