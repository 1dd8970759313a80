"""A step hangs when it is silent for many times as long as any other of its kind, in proportion to its video."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.scheduler.calls import OpenCall
from slomo_batch.scheduler.hang_timeout import FACTOR
from slomo_batch.scheduler.step_timeouts import ANY_STEP, UNKNOWN_LEAST_S, StepTimeouts
from tests.scheduler.virtual_ray import open_call

SIZES = st.integers(0, 10**12)


def open_of(size_bytes: int) -> OpenCall:
    """An open of a source of this size."""
    call = open_call()
    source = replace(call.request.source, size_bytes=size_bytes)
    return replace(call, request=replace(call.request, source=source))


@given(steps=st.lists(st.tuples(SIZES, st.floats(0.01, 1e5)), min_size=1), least_s=st.floats(0, 1e4))
def test_no_step_that_ended_would_have_timed_out(steps: list[tuple[int, float]], least_s: float) -> None:
    timeouts = StepTimeouts(least_s=least_s)
    for size_bytes, silent_s in steps:
        timeouts.ended(open_of(size_bytes), silent_s)
    assert all(silent_s < timeouts.limit_s(open_of(size_bytes)) for size_bytes, silent_s in steps)


def test_steps_of_small_videos_say_little_about_large_ones_and_never_too_much() -> None:
    timeouts = StepTimeouts(least_s=60)
    timeouts.ended(open_of(1000), 2.0)
    assert timeouts.limit_s(open_of(1000)) == 60
    assert timeouts.limit_s(open_of(100 * 10**9)) == pytest.approx(FACTOR * 2.0 * 101, rel=0.01)


def test_before_a_step_has_ended_there_is_a_limit_for_slow_networks() -> None:
    timeouts = StepTimeouts(least_s=60)
    assert timeouts.limit_s(open_of(1000)) == UNKNOWN_LEAST_S
    assert timeouts.limit_s(open_of(int(ANY_STEP))) == 10_000
    assert StepTimeouts(least_s=3600).limit_s(open_of(1000)) == 3600
