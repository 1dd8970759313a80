"""Forward splatting: pixels land where their flow says, whatever the order of sums, and gradients pass through them."""

import math

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.splat import MOST, importance, splat, splatted_flows
from slomo_batch.interpolators.superslomo.warp import intermediate_flows


def uniform(flow: tuple[float, float], height: int = 12, width: int = 16) -> Tensor:
    """The same flow at each pixel, [1, 2, H, W]."""
    return torch.tensor(flow)[None, :, None, None].expand(1, 2, height, width).clone()


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_shift_by_whole_pixels_moves_the_picture() -> None:
    x = noise(1, 3, 12, 16)
    moved, landed = splat(x, uniform((3.0, -2.0)), torch.ones(1, 1, 12, 16))
    torch.testing.assert_close(moved[..., :10, 3:], x[..., 2:, :13], rtol=0, atol=1e-6)
    assert landed[..., :10, 3:].eq(1).all()
    assert landed[..., 10:, :].eq(0).all()
    assert landed[..., :3].eq(0).all()


def test_a_fraction_of_a_pixel_is_divided_among_four() -> None:
    x = torch.zeros(1, 1, 4, 4)
    x[..., 1, 1] = 1
    moved, _ = splat(x, uniform((0.25, 0.5), 4, 4), torch.ones(1, 1, 4, 4))
    expected = torch.zeros(4, 4)
    expected[1:3, 1:3] = torch.tensor([[0.375, 0.125], [0.375, 0.125]])
    torch.testing.assert_close(moved[0, 0], expected)


def test_nothing_is_lost_but_what_leaves_the_picture() -> None:
    x, weight = noise(2, 3, 12, 16), noise(2, 1, 12, 16, seed=2)
    flow = (noise(2, 2, 12, 16, seed=3) - 0.5) * 4
    padded = [torch.nn.functional.pad(one, (4, 4, 4, 4)) for one in (x, flow, weight)]
    moved, landed = splat(padded[0], padded[1], padded[2])
    torch.testing.assert_close(moved.sum((2, 3)), (x * weight).sum((2, 3)))
    torch.testing.assert_close(landed.sum(), weight.sum())


def test_the_order_of_pixels_changes_no_bit() -> None:
    x, weight = noise(1, 4, 16, 16), noise(1, 1, 16, 16, seed=2)
    flow = ((noise(1, 2, 16, 16, seed=3) - 0.5) * 9).round()
    reverse = [one.flip(2, 3) for one in (x, flow * -1, weight)]  # the same sums, in the reverse order
    for one, other in zip(splat(x, flow, weight), splat(*reverse), strict=True):
        assert torch.equal(one, other.flip(2, 3))


def test_sums_while_training_are_those_of_inference_and_gradients_pass() -> None:
    x, weight = noise(1, 4, 16, 16), noise(1, 1, 16, 16, seed=2)
    flow = (noise(1, 2, 16, 16, seed=3) - 0.5) * 9
    trained = x.clone().requires_grad_()
    moved, landed = splat(trained, flow, weight)
    expected_moved, expected_landed = splat(x, flow, weight)
    torch.testing.assert_close(moved, expected_moved, rtol=0, atol=1e-6)
    torch.testing.assert_close(landed, expected_landed, rtol=0, atol=1e-6)
    moved.sum().backward()  # type: ignore[no-untyped-call]
    assert trained.grad is not None
    _, inside = splat(torch.ones_like(x), flow, torch.ones_like(weight))
    assert trained.grad.sum() <= 4 * weight.sum()
    assert inside.max() > 1


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_pixel_whose_flow_is_wrong_counts_little(comes_back: bool) -> None:
    i0 = noise(1, 3, 24, 32) - 0.5
    flows = torch.cat((uniform((4.0, 0.0)), uniform((-4.0, 0.0))), dim=1)
    right = importance(i0, i0.roll(4, 3), flows, comes_back=comes_back)
    wrong = importance(i0, i0.roll(4, 3), torch.zeros(1, 4, 12, 16), comes_back=comes_back)
    assert right.shape == (1, 2, 12, 16)
    assert right[..., 2:-2].min() > 0.99
    assert wrong[..., 2:-2].median() < 0.05


def test_a_pixel_to_which_the_other_flow_does_not_lead_back_counts_little() -> None:
    flat = torch.zeros(1, 3, 24, 32)  # in one color any flow fits
    flows = torch.cat((uniform((2.0, 0.0)), uniform((-2.0, 0.0))), dim=1)
    flows[:, 2, :, 8:] = 4.0
    by_color = importance(flat, flat, flows, comes_back=False)
    assert by_color.eq(1).all()
    both = importance(flat, flat, flows, comes_back=True)
    torch.testing.assert_close(both[:, 0, :, :7], torch.ones(1, 12, 7), rtol=0, atol=1e-4)
    six_pixels_off = torch.full((1, 12, 8), math.exp(-3.0))
    torch.testing.assert_close(both[:, 0, :, 8:], six_pixels_off, rtol=0, atol=1e-4)


@pytest.mark.parametrize("fills_gaps", [False, True])
@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_where_motion_is_uniform_splatted_flows_are_the_papers(t: float, fills_gaps: bool) -> None:
    flows = torch.cat((uniform((4.0, -2.0)), uniform((-4.0, 2.0))), dim=1)
    t_B = torch.tensor([t])
    paper = intermediate_flows(flows, t_B)
    flow_t0, flow_t1, landed = splatted_flows(flows, torch.ones(1, 2, 12, 16), paper, t_B, fills_gaps=fills_gaps)
    torch.testing.assert_close(flow_t0, paper[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(flow_t1, paper[1], rtol=0, atol=1e-4)
    assert landed.max() <= MOST


def test_flows_of_an_object_are_at_the_object_at_each_time() -> None:
    flows = torch.zeros(1, 4, 16, 48)
    flows[:, 0, 4:12, 4:12] = 40.0  # in pixels of the half-size picture: 20 of these
    flows[:, 2, 4:12, 24:32] = -40.0
    weights = torch.full((1, 2, 16, 48), 0.01)  # of the background: its colors do not fit as well
    weights[:, 0, 4:12, 4:12] = weights[:, 1, 4:12, 24:32] = 1.0
    t_B = torch.tensor([0.5])
    flow_t0, flow_t1, _ = splatted_flows(flows, weights, intermediate_flows(flows, t_B), t_B, fills_gaps=False)
    inside = (..., slice(5, 11), slice(15, 21))
    torch.testing.assert_close(flow_t0[:, 0][inside], torch.full((1, 6, 6), -20.0), rtol=0, atol=0.5)
    torch.testing.assert_close(flow_t1[:, 0][inside], torch.full((1, 6, 6), 20.0), rtol=0, atol=0.5)
    assert intermediate_flows(flows, t_B)[0][:, 0][inside].abs().max() == 0, "equation 4 does not see it there"


def test_a_gap_is_filled_with_the_motion_around_it() -> None:
    flows = torch.cat((uniform((8.0, -4.0), 24, 32), uniform((-8.0, 4.0), 24, 32)), dim=1)
    weights = torch.ones(1, 2, 24, 32)
    weights[..., 10:14, 14:18] = 0  # of what would land there: motion at t = 0.5 is by 2 and 1
    still = torch.zeros(1, 2, 24, 32), torch.zeros(1, 2, 24, 32)
    left, filled = (
        splatted_flows(flows, weights, still, torch.tensor([0.5]), fills_gaps=fills_gaps)
        for fills_gaps in (False, True)
    )
    gap = left[2].sum(dim=1, keepdim=True).eq(0).expand(-1, 2, -1, -1)
    assert gap.any()
    assert left[0][gap].eq(0).all()
    shares = filled[0][gap] / uniform((-4.0, 2.0), 24, 32)[gap]
    assert shares.min() > 0.5
    assert shares.max() <= 1
    torch.testing.assert_close(filled[1], -filled[0])


@pytest.mark.parametrize("size", [(1, 1), (1, 8), (9, 3), (8, 8)])
def test_where_nothing_lands_far_and_wide_flows_are_the_papers(size: tuple[int, int]) -> None:
    flows = torch.cat((uniform((100.0, 0.0), *size), uniform((100.0, 0.0), *size)), dim=1)
    t_B = torch.tensor([0.5])
    paper = intermediate_flows(flows, t_B)
    flow_t0, flow_t1, landed = splatted_flows(flows, torch.ones(1, 2, *size), paper, t_B, fills_gaps=True)
    assert landed.eq(0).all()
    torch.testing.assert_close(flow_t0, paper[0])
    torch.testing.assert_close(flow_t1, paper[1])
