"""Limits on the concurrent work of a job."""

import pytest

from slomo_batch.scheduler.limits import MIN_STEPS, MOST_STEPS, steps_in_flight


@pytest.mark.parametrize(
    ("num_cpus", "max_workers", "steps"),
    [
        (0, 1000, MIN_STEPS),
        (3, 1000, MIN_STEPS),
        (7, 1000, 14),
        (100, 1000, 200),
        (7000, 1000, 334),
        (7000, 20, MOST_STEPS),
        (20, 20, 40),
    ],
)
def test_steps_follow_the_cpus_within_what_the_workers_need(num_cpus: float, max_workers: int, steps: int) -> None:
    assert steps_in_flight(num_cpus, max_workers) == steps


def test_more_steps_than_cpus_are_submitted_so_that_an_autoscaler_sees_demand() -> None:
    num_cpus = 4
    while (steps := steps_in_flight(num_cpus, 1000)) < 334:
        assert steps > num_cpus
        num_cpus = steps  # an autoscaler adds CPUs for the waiting steps
    assert num_cpus >= 167
