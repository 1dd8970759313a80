"""Time during which the driver did not run is no time that it waited."""

from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.scheduler.waiting_clock import AWAY_S, WaitingClock


class Clock:
    """A clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@given(steps=st.lists(st.floats(0, 10 * AWAY_S)))
def test_it_counts_the_steps_during_which_the_driver_ran(steps: list[float]) -> None:
    behind = Clock()
    clock = WaitingClock(behind)
    began_s, waited_s = clock(), 0.0
    for step_s in steps:
        before_s = behind.now_s
        behind.now_s += step_s
        waited_s += step_s if behind.now_s - before_s <= AWAY_S else 0.0
        assert abs(clock() - began_s - waited_s) < 1e-6


def test_a_driver_that_is_frozen_between_two_looks_has_not_waited() -> None:
    behind = Clock()
    clock = WaitingClock(behind)
    since_s = clock()
    behind.now_s += 0.5
    clock()
    behind.now_s += 3700
    assert clock() - since_s == 0.5
