"""Machines whose last work failed rest, longer each time, until they succeed."""

from slomo_batch.scheduler.probation import FORGET_S, Probation
from slomo_batch.scheduler.retry import MAX_BACKOFF_S


def test_a_machine_rests_twice_as_long_after_each_failure() -> None:
    probation, now_s, rests = Probation(), 0.0, []
    for number in range(1, 9):
        assert probation.failed("sick", now_s) == number
        began_s = now_s
        while probation.resting(now_s):
            now_s += 0.5
        rests.append(now_s - began_s)
    assert rests == [1, 2, 4, 8, 16, 32, MAX_BACKOFF_S, MAX_BACKOFF_S]
    assert probation.machines(now_s) == {"sick"}
    probation.succeeded("sick")
    assert probation.machines(now_s) == frozenset()
    assert probation.failed("sick", now_s) == 1


def test_failures_within_one_rest_count_once() -> None:
    probation = Probation()
    assert [probation.failed("sick", now_s) for now_s in (0.0, 0.1, 0.9, 1.0, 2.9, 3.0)] == [1, 1, 1, 2, 2, 3]


def test_a_failure_without_a_rest_is_on_probation_all_the_same() -> None:
    probation = Probation()
    probation.failed("busy", 5.0, rests=False)
    assert probation.resting(5.0) == frozenset()
    assert probation.machines(5.0) == {"busy"}


def test_failures_are_forgotten_after_a_while_and_with_their_machine() -> None:
    probation = Probation()
    probation.failed("a", 0.0)
    probation.failed("b", 0.0)
    probation.keep({"b", "c"})
    assert probation.machines(1.0) == {"b"}
    assert probation.machines(2.0 + FORGET_S) == frozenset()
    assert probation.failed("b", 2.0 + FORGET_S) == 1
