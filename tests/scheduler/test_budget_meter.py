"""The meter of machine time."""

import pytest

from slomo_batch.scheduler.budget_meter import BudgetMeter
from tests.scheduler.virtual_ray import Scenario, VirtualRay, open_call


def test_each_machine_is_charged_for_the_time_in_which_it_is_used() -> None:
    meter = BudgetMeter(limit_hours=1.0, earlier_hours=0.5)
    meter.charge(2, 1000.0)
    assert meter.spent_hours == 0.5
    meter.charge(1, 1600.0)
    meter.charge(0, 2199.0)
    assert not meter.is_reached
    meter.charge(1, 5000.0)
    assert meter.run_s == 1799.0
    meter.charge(1, 5001.0)
    assert meter.is_reached
    assert meter.spent_hours == pytest.approx(1.0)


def test_without_a_budget_it_only_counts() -> None:
    meter = BudgetMeter()
    meter.charge(1000, 0.0)
    meter.charge(1000, 1e6)
    assert meter.run_s == 1e9
    assert not meter.is_reached


def test_a_cluster_uses_the_machines_of_its_workers_and_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualRay("abc", Scenario())
    ray.plug_in(monkeypatch)
    engine = ray.engine(max_workers=1, num_tasks=4)
    assert engine.num_machines == 0
    for _ in range(2):
        engine.start(open_call())
    engine.outcomes(0.5)
    assert engine.num_machines == 2, "a and b open videos"
    engine.scale(1)
    engine.outcomes(0.5)
    assert engine.num_machines == 2, "the worker is on a, beside a step"
    while ray.now_s < 5.0:
        engine.outcomes(0.5)
    assert engine.num_machines == 1, "the worker is idle, and still there"
    engine.close()
    assert engine.num_machines == 0
