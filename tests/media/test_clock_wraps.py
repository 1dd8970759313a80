"""Recordings that are longer than the 33-bit clock of a transport stream."""

from io import BytesIO
from typing import Any

import av
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.media.clock_wraps import NEAR, WRAP, ClockUnwrapper


def packet(dts: int | None, pts: int | None) -> "av.Packet[Any]":
    made: av.Packet[Any] = av.Packet(b"x")
    made.dts, made.pts = dts, pts
    return made


@settings(deadline=None)
@given(
    st.integers(0, WRAP - 20_000),
    st.lists(st.integers(1, NEAR - 10_000), min_size=1, max_size=40),
    st.integers(0, 10_000),
    st.booleans(),
)
def test_times_that_wrap_continue(start: int, steps: list[int], delay: int, has_dts: bool) -> None:
    """However often they wrap, also between the dts and the pts of one packet."""
    clock, time = ClockUnwrapper(), start
    first = clock.unwrap(packet(start, start + delay))
    assert (first.dts, first.pts) == (start, start + delay)
    for step in steps:
        time += step
        stored = packet(time % WRAP if has_dts else None, (time + delay) % WRAP)
        found = clock.unwrap(stored)
        assert found.pts == time + delay
        assert found.dts == (time if has_dts else None)


def test_a_clock_that_starts_again_is_no_wrap() -> None:
    clock = ClockUnwrapper()
    clock.unwrap(packet(WRAP // 2, WRAP // 2))
    assert clock.unwrap(packet(3600, 7200)).pts == 7200


def test_a_wrap_of_one_track_shifts_no_other() -> None:
    clock = ClockUnwrapper()
    clock.unwrap(packet(WRAP - 10, WRAP - 10))
    other = packet(5, 5)
    with av.open(BytesIO(), "w", format="mpegts") as container:
        other.stream = [container.add_stream("mpeg2video", rate=25) for _ in range(2)][1]
    assert clock.unwrap(other).pts == 5
    assert clock.unwrap(packet(5, 5)).pts == WRAP + 5
