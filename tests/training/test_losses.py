"""The pieces of the loss, on cases worked out by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from slomo_batch.training.losses import (
    CHARBONNIER,
    LossWeights,
    Made,
    Truth,
    charbonnier,
    decibels,
    flow_supervision,
    smoothness,
    total,
    warping,
)
from tests.interpolators.footage import texture, window_on


def panned(flows: Tensor | None = None) -> tuple[Made, Truth]:
    """A pan by 8 pixels in one pair, seen at its middle; what was made is right unless told otherwise."""
    scene = texture(100, 120)
    i0, frame, i1 = (window_on(scene, x, 10, 64, 64)[None] for x in (30, 26, 22))
    true_flows = torch.tensor([4.0, 0, -4, 0])[None, :, None, None].expand(1, 4, 16, 16)
    found = true_flows if flows is None else flows
    fit = -0.25 * found[:, :2] + 0.25 * found[:, 2:]
    made = Made(
        frame=frame, flows=found, flows_t=torch.cat((fit, -fit), dim=1), visibility_t0=torch.full((1, 1, 64, 64), 0.5)
    )
    return made, Truth(i0=i0, frame=frame, i1=i1, flows=true_flows, has_flow=torch.ones(1))


def test_charbonnier_is_the_absolute_difference_but_for_its_corner() -> None:
    a = torch.tensor([0.5, 0.2])
    assert float(charbonnier(a, a)) == pytest.approx(CHARBONNIER)
    assert float(charbonnier(a, a + torch.tensor([0.3, -0.1]))) == pytest.approx(0.2, abs=1e-4)


def test_decibels_are_those_of_the_mean_square_of_each_sample() -> None:
    truth = torch.zeros(2, 3, 4, 4)
    made = torch.stack((torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 0.01)))
    assert float(decibels(made, truth)) == pytest.approx((-20 - 39.59) / 2, abs=0.01)
    assert float(decibels(truth, truth)) == pytest.approx(-50)


def test_flow_is_judged_in_pixels_at_half_size() -> None:
    made, truth = panned()
    assert float(flow_supervision(made.flows, truth)) == pytest.approx(0)
    assert float(flow_supervision(made.flows + 0.5, truth)) == pytest.approx(0.5)


def test_samples_without_a_known_flow_do_not_count() -> None:
    flows = torch.stack((torch.zeros(4, 8, 8), torch.full((4, 8, 8), 2.0)))
    image = torch.zeros(2, 3, 16, 16)
    truth = Truth(i0=image, frame=image, i1=image, flows=torch.zeros(2, 4, 8, 8), has_flow=torch.tensor([0.0, 1.0]))
    assert float(flow_supervision(flows, truth)) == pytest.approx(2)
    nothing = Truth(i0=image, frame=image, i1=image, flows=truth.flows, has_flow=torch.zeros(2))
    assert float(flow_supervision(flows, nothing)) == 0


def test_the_right_flow_warps_better_than_none_and_the_opposite_worse() -> None:
    def cost(scale: float) -> float:
        made, _ = panned()
        return float(warping(*panned(made.flows * scale)))

    right, none, opposite = cost(1), cost(0), cost(-1)
    assert right < none / 2
    assert none < opposite


def test_smoothness_is_the_step_to_the_neighbours() -> None:
    flows = torch.zeros(1, 4, 4, 4)
    assert float(smoothness(flows)) == 0
    ramp = torch.arange(4.0).expand(1, 4, 4, 4)
    assert float(smoothness(ramp)) == pytest.approx(1)
    assert float(smoothness(ramp + 3 * torch.arange(4.0)[:, None])) == pytest.approx(4)


def test_the_whole_is_the_weighted_sum_and_the_share_of_flow_falls() -> None:
    made, truth = panned()
    made = replace(made, frame=made.frame + 0.1, flows=made.flows + 1)
    weights = LossWeights(reconstruction=10, decibels=0.1, flow=0.2, flow_at_end=0.5, warping=0, smoothness=0)
    for progress, flow_weight in ((0, 0.2), (0.5, 0.15), (1, 0.1)):
        loss, pieces = total(made, truth, weights, progress=progress)
        assert float(loss) == pytest.approx(10 * 0.1 - 0.1 * 20 + flow_weight, abs=3e-3)
        assert pieces["flow"] == pytest.approx(1)
        assert pieces["reconstruction"] == pytest.approx(0.1, abs=1e-4)
