"""The meter of machine time."""

import pytest

from slomo_batch.scheduler.budget_meter import BudgetMeter


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
