"""The terms of the loss, on cases computed by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.training.losses import (
    CHARBONNIER,
    LossWeights,
    Prediction,
    Target,
    TrueMotion,
    census,
    charbonnier,
    decibels,
    flow_supervision,
    l1,
    laplacian,
    smoothness,
    taught,
    total_loss,
    warping,
)
from tests.interpolators.footage import texture, window_on


def panned(flows: Tensor | None = None) -> tuple[Prediction, Target]:
    """A pan by 8 pixels in one pair, seen at its middle; what was made is right unless told otherwise."""
    scene = texture(100, 120)
    i0, frame, i1 = (window_on(scene, x, 10, 64, 64)[None] for x in (30, 26, 22))
    true_flows = torch.tensor([4.0, 0, -4, 0])[None, :, None, None].expand(1, 4, 16, 16)
    found = true_flows if flows is None else flows
    fit = -0.25 * found[:, :2] + 0.25 * found[:, 2:]
    made = Prediction(
        frame=frame, flows=found, flows_t=torch.cat((fit, -fit), dim=1), visibility_t0=torch.full((1, 1, 64, 64), 0.5)
    )
    return made, Target(
        i0=i0, frame=frame, i1=i1, flows=true_flows, has_flow=torch.ones(1), num_flows=torch.tensor(1.0)
    )


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
    assert float(flow_supervision(made, truth)) == pytest.approx(0)
    assert float(flow_supervision(replace(made, flows=made.flows + 0.5), truth)) == pytest.approx(0.5)


def test_samples_without_a_known_flow_do_not_count() -> None:
    made, truth = panned()
    two = replace(made, flows=torch.stack((torch.zeros(4, 16, 16), torch.full((4, 16, 16), 2.0))))
    known = replace(
        truth, flows=torch.zeros(2, 4, 16, 16), has_flow=torch.tensor([0.0, 1.0]), num_flows=torch.tensor(1.0)
    )
    assert float(flow_supervision(two, known)) == pytest.approx(2)
    nothing = replace(known, has_flow=torch.zeros(2), num_flows=torch.tensor(0.0))
    assert float(flow_supervision(two, nothing)) == 0


def test_a_flow_finer_than_the_known_one_and_in_other_pixels_is_brought_to_it() -> None:
    made, truth = panned()
    fine = torch.tensor([8.0, 0, -8, 0])[None, :, None, None].expand(1, 4, 64, 64).clone()
    assert float(flow_supervision(replace(made, flows=fine, unit_px=1), truth)) == pytest.approx(0)
    fine[..., ::2] += 1
    assert float(flow_supervision(replace(made, flows=fine, unit_px=1), truth)) == pytest.approx(0.25)


def test_a_flow_at_full_size_warps_as_one_at_a_quarter() -> None:
    made, truth = panned()
    fine = replace(
        made, unit_px=1,
        flows=functional.interpolate(made.flows * 2, scale_factor=4),
        flows_t=functional.interpolate(made.flows_t * 2, scale_factor=4),
    )  # fmt: skip
    wrong = replace(fine, flows=-fine.flows, flows_t=-fine.flows_t)
    assert float(warping(fine, truth)) == pytest.approx(float(warping(made, truth)), rel=0.5)
    assert float(warping(fine, truth)) < float(warping(wrong, truth)) / 2


def test_the_mean_of_two_workers_is_the_loss_of_one_that_has_all() -> None:
    made, one = panned()
    flows = torch.stack([torch.full((4, 16, 16), float(number)) for number in range(4)])
    known = torch.tensor([1.0, 1.0, 1.0, 0.0])
    whole = replace(one, flows=torch.zeros(4, 4, 16, 16), has_flow=known, num_flows=known.sum())
    halves = [slice(0, 2), slice(2, 4)]
    parts = [
        flow_supervision(
            replace(made, flows=flows[half]),
            replace(whole, flows=whole.flows[half], has_flow=known[half], num_flows=known.sum() / 2),
        )
        for half in halves
    ]
    assert float(flow_supervision(replace(made, flows=flows), whole)) == pytest.approx(1)
    assert float(sum(parts)) / 2 == pytest.approx(1)


def test_what_is_taught_on_film_counts_the_same_on_two_workers() -> None:
    made, one = panned()
    has_flow = torch.tensor([1.0, 0.0, 0.0, 0.0])
    flows_t = torch.stack([torch.full((4, 16, 16), 2.0 + number) for number in range(4)])
    frame = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    wrong = replace(made, frame=1 - frame, flows_t=torch.zeros(4, 4, 16, 16))

    def part(of: slice, num_flows: float) -> Tensor:
        motion = TrueMotion(
            flows_t=flows_t[of], visible=flows_t[of], taught_error=torch.zeros_like(flows_t[of, :1]), guide=flows_t[of]
        )
        truth = replace(one, frame=frame[of], has_flow=has_flow[of], num_flows=torch.tensor(num_flows))
        return taught(replace(wrong, frame=wrong.frame[of], flows_t=wrong.flows_t[of]), truth, motion)

    both = (part(slice(0, 2), 0.5) + part(slice(2, 4), 0.5)) / 2
    assert float(both) == pytest.approx(float(part(slice(0, 4), 1.0)))
    assert float(both) > 1


def test_the_right_flow_warps_better_than_none_and_the_opposite_worse() -> None:
    def cost(scale: float) -> float:
        made, _ = panned()
        return float(warping(*panned(made.flows * scale)))

    right, none, opposite = cost(1), cost(0), cost(-1)
    assert right < none / 2
    assert none < opposite


def test_smoothness_is_the_step_to_the_neighbors() -> None:
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
        loss, pieces = total_loss(made, truth, weights, progress=progress)
        assert float(loss) == pytest.approx(10 * 0.1 - 0.1 * 20 + flow_weight, abs=3e-3)
        assert float(pieces["flow"]) == pytest.approx(1)
        assert float(pieces["reconstruction"]) == pytest.approx(0.1, abs=1e-4)
        assert set(pieces) == {"reconstruction", "decibels", "flow"}, "pieces of no weight are not computed"


def test_the_scale_of_the_paper_is_that_of_its_public_code() -> None:
    made, truth = panned()
    made = replace(made, frame=made.frame + 0.1)
    paper = LossWeights(
        penalty="l1",
        pixel_range=255,
        reconstruction=0.8,
        warping=0.4,
        smoothness=1,
        perceptual=0.005,
        flow=0,
        decibels=0,
    )
    public = replace(paper, pixel_range=1, reconstruction=204, warping=102)
    ours, theirs = (total_loss(made, truth, weights, progress=0)[0] for weights in (paper, public))
    assert float(ours) == pytest.approx(float(theirs))
    alone = replace(paper, warping=0, smoothness=0)
    assert float(total_loss(made, truth, alone, progress=0)[0]) == pytest.approx(20.4, abs=1e-3)


def test_the_pixel_losses_are_zero_where_nothing_differs() -> None:
    scene = texture(64, 64)[None]
    assert float(l1(scene, scene)) == float(laplacian(scene, scene)) == float(census(scene, scene)) == 0


def test_the_laplacian_counts_an_offset_at_its_last_level_and_a_chequerboard_at_its_first() -> None:
    dark = torch.full((1, 3, 64, 64), 0.25)
    assert float(laplacian(dark + 0.1, dark)) == pytest.approx(2**4 * 0.1, rel=1e-4)
    assert float(laplacian(dark + 0.1, dark, num_levels=2)) == pytest.approx(2 * 0.1, rel=1e-4)
    signs = 1 - 2 * ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float()
    assert float(laplacian(dark + 0.1 * signs, dark)) == pytest.approx(0.1, rel=1e-4)


def test_the_census_of_one_patch_as_worked_out_by_hand() -> None:
    # One neighbor of eight is a level brighter than its center: its sign is 1 / sqrt(0.81 + 1) = 0.7433 instead of 0,
    # its distance 0.7433^2 / (0.1 + 0.7433^2) = 0.8467, and the mean of eight 0.1058.
    flat = torch.full((1, 3, 3, 3), 0.5)
    marked = flat.clone()
    marked[..., 0, 1] += 1 / 255
    assert float(census(marked, flat, patch=3)) == pytest.approx(0.1058, abs=1e-4)


def test_the_census_does_not_see_brightness() -> None:
    scene = texture(40, 40)[None]
    assert float(census(scene + 0.05, scene)) == pytest.approx(0, abs=1e-6)
    assert float(census(1 - scene, scene)) > 0.5
