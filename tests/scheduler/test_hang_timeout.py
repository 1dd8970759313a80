"""A worker hangs when it takes many times as long as the slowest chunk, and not before an hour or so."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.scheduler.hang_timeout import FACTOR, HangTimeout

SECONDS = st.floats(0.01, 1e5)
WORK = st.floats(1, 1e10)


def test_nothing_hangs_before_the_first_chunk_is_finished() -> None:
    assert HangTimeout(least_s=3600).limit_s(1e9) == inf


def test_short_chunks_get_the_minimum_timeout() -> None:
    hang_timeout = HangTimeout(least_s=3600)
    hang_timeout.made(work=1e6, took_s=2)
    assert hang_timeout.limit_s(1e6) == 3600


def test_long_chunks_get_a_multiple_of_the_slowest_time_per_size() -> None:
    hang_timeout = HangTimeout(least_s=3600)
    hang_timeout.made(work=1e6, took_s=600)
    hang_timeout.made(work=1e6, took_s=100)
    assert hang_timeout.limit_s(1e6) == pytest.approx(FACTOR * 600)
    assert hang_timeout.limit_s(3e6) == pytest.approx(FACTOR * 1800)


@given(chunks=st.lists(st.tuples(WORK, SECONDS), min_size=1), least_s=SECONDS)
def test_no_finished_chunk_would_have_timed_out(chunks: list[tuple[float, float]], least_s: float) -> None:
    hang_timeout = HangTimeout(least_s=least_s)
    for work, took_s in chunks:
        hang_timeout.made(work, took_s)
    assert all(took_s < hang_timeout.limit_s(work) for work, took_s in chunks)
