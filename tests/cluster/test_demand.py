"""Waiting for a machine ends if none can ever start."""

import pytest

from slomo_batch.cluster.demand import JOINED_WITHIN_S, SURE_AFTER_S, Supply, described, floor, refusal

NEEDS = {"CPU": 1.0, "GPU": 2.0}
SMALL, LARGE = {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 4.0, "memory": 1e9}


@pytest.mark.parametrize(
    ("supply", "waited_s", "refused"),
    [
        (Supply(machines=(SMALL, LARGE), has_autoscaler=True, infeasible=(NEEDS,)), 1e9, False),
        (Supply(machines=(SMALL,), has_autoscaler=True), 1e9, False),
        (Supply(machines=(SMALL,), has_autoscaler=True, infeasible=({"CPU": 9.0},)), 1e9, False),
        (Supply(machines=(SMALL,), has_autoscaler=True, infeasible=(NEEDS,)), SURE_AFTER_S / 2, False),
        (Supply(machines=(SMALL,), has_autoscaler=True, infeasible=(NEEDS,)), SURE_AFTER_S, True),
        (Supply(machines=(SMALL,), has_autoscaler=False), JOINED_WITHIN_S / 2, False),
        (Supply(machines=(SMALL,), has_autoscaler=False), JOINED_WITHIN_S, True),
        (Supply(machines=(LARGE,), has_autoscaler=False), 1e9, False),
    ],
)
def test_a_demand_that_can_never_be_met_is_refused_and_others_wait(
    supply: Supply, waited_s: float, *, refused: bool
) -> None:
    assert bool(refusal(NEEDS, supply, waited_s)) == refused


def test_a_demand_without_gpus_is_shown_as_the_autoscaler_shows_it() -> None:
    supply = Supply(machines=(), has_autoscaler=True, infeasible=({"CPU": 64.0},))
    assert refusal({"CPU": 64.0, "GPU": 0.0}, supply, SURE_AFTER_S)
    assert described({"CPU": 64.0, "GPU": 0.0}) == "64 CPU"


def test_the_requested_resources_stay_within_the_limits_of_the_job() -> None:
    assert floor({"CPU": 1.0, "GPU": 0.0}, prewarm=5, max_workers=2) == [{"CPU": 1.0}, {"CPU": 1.0}]
    assert floor(NEEDS, prewarm=1, max_workers=2) == [NEEDS]
