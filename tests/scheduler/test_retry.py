"""Back-off, and the decision after an error or a crash."""

from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.scheduler.retry import (
    MAX_BACKOFF_S,
    MAX_DEATHS,
    MAX_LOSSES,
    GiveUp,
    Retry,
    RetryIsolated,
    Tries,
    after_chunk_error,
    after_loss,
    after_step_error,
    after_step_loss,
    backoff_s,
)

jitters = st.floats(0, 1, exclude_max=True)


@settings(deadline=None)
@given(attempt=st.integers(1, 10_000), jitter=jitters)
def test_back_off_is_between_half_and_all_of_a_doubling_capped_time(attempt: int, jitter: float) -> None:
    full_s = min(MAX_BACKOFF_S, 2.0 ** min(attempt - 1, 100))
    assert full_s / 2 <= backoff_s(attempt, jitter=jitter) <= full_s


def test_a_transient_error_is_retried_until_the_attempts_are_used_up() -> None:
    tries, verdict = Tries(), None
    for attempt in (1, 2):
        assert tries.next_attempt == attempt
        tries, verdict = after_chunk_error(tries, error="StorageBusy", retryable=True, max_attempts=3, jitter=0.0)
        assert isinstance(verdict, Retry)
    _, verdict = after_chunk_error(tries, error="StorageBusy", retryable=True, max_attempts=3, jitter=0.0)
    assert verdict == GiveUp(why="failed 3 times")


def test_a_permanent_error_is_given_up_at_once() -> None:
    _, verdict = after_chunk_error(Tries(), error="FrameMissing", retryable=False, max_attempts=3, jitter=0.0)
    assert isinstance(verdict, GiveUp)


def test_preemption_does_not_count_against_a_chunk_but_is_bounded() -> None:
    tries = Tries()
    for _ in range(MAX_LOSSES - 1):
        tries, verdict = after_loss(tries, explained=True, jitter=0.0)
        assert verdict == Retry(after_s=0.0)
    assert (tries.errors, tries.deaths) == (0, 0)
    assert isinstance(after_loss(tries, explained=True, jitter=0.0)[1], GiveUp)


def test_a_chunk_whose_worker_died_unexplained_runs_alone_and_the_third_death_gives_it_up() -> None:
    tries = Tries()
    for _ in range(MAX_DEATHS - 1):
        tries, verdict = after_loss(tries, explained=False, jitter=0.0)
        assert isinstance(verdict, RetryIsolated)
    assert isinstance(after_loss(tries, explained=False, jitter=0.0)[1], GiveUp)


def test_an_isolated_chunk_stays_alone_whatever_happens_next() -> None:
    tries, _ = after_loss(Tries(), explained=False, jitter=0.0)
    _, verdict = after_chunk_error(tries, error="StorageBusy", retryable=True, max_attempts=3, jitter=0.0)
    assert isinstance(verdict, RetryIsolated)
    assert isinstance(after_loss(tries, explained=True, jitter=0.0)[1], RetryIsolated)


def test_a_chunk_out_of_memory_runs_alone_once_and_is_then_given_up() -> None:
    tries, verdict = after_chunk_error(Tries(), error="OutOfMemory", retryable=True, max_attempts=9, jitter=0.0)
    assert isinstance(verdict, RetryIsolated)
    _, verdict = after_chunk_error(tries, error="OutOfMemory", retryable=True, max_attempts=9, jitter=0.0)
    assert isinstance(verdict, GiveUp)


def test_a_step_gets_as_many_attempts_as_a_chunk() -> None:
    assert isinstance(after_step_error(2, retryable=True, max_attempts=3, jitter=0.0), Retry)
    assert isinstance(after_step_error(3, retryable=True, max_attempts=3, jitter=0.0), GiveUp)
    assert isinstance(after_step_error(1, retryable=False, max_attempts=3, jitter=0.0), GiveUp)


def test_preemption_does_not_count_against_a_step_but_is_bounded() -> None:
    assert after_step_loss(MAX_LOSSES - 1) == Retry(after_s=0.0)
    assert isinstance(after_step_loss(MAX_LOSSES), GiveUp)
