"""The network as training sees it is the network that is shipped."""

import pytest
import torch

from slomo_batch.interpolators.superslomo.compact import Compact
from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.interpolators.superslomo.weights import load, shipped
from slomo_batch.training.unrolled import unrolled, warped
from tests.interpolators.footage import texture, window_on


def network(levels: int) -> Compact:
    made = Compact(levels)
    made.load_state_dict(load(shipped("compact-1")).tensors)
    return made


@pytest.mark.parametrize("levels", [2, 3])
def test_it_answers_as_at_inference(levels: int) -> None:
    scene = texture(90, 100)
    i0, i1 = (torch.stack([window_on(scene, x, y, 64, 64) for x in (20, 26)]) for y in (4, 8))
    t_B = torch.tensor([0.25, 0.6])
    model = network(levels)
    made = unrolled(model, i0, i1, t_B, levels=levels, dtype=torch.float32)
    with torch.inference_mode():
        for number in range(2):
            pair = i0[number : number + 1], i1[number : number + 1]
            flows = model.flows(*pair)
            torch.testing.assert_close(made.flows[-1][number : number + 1].detach(), flows, rtol=0, atol=1e-3)
            frame = model.frames(*pair, flows, t_B[number : number + 1])
            torch.testing.assert_close(made.frame[number : number + 1].detach(), frame, rtol=0, atol=1e-4)


def test_every_weight_gets_a_gradient_through_its_narrow_copy() -> None:
    model = network(3)
    i0, i1 = texture(64, 64)[None], texture(64, 64).roll(3, dims=2)[None]
    made = unrolled(model, i0, i1, torch.tensor([0.5]), levels=3, dtype=torch.bfloat16)
    (made.frame.mean() + made.flows[-1].mean()).backward()  # type: ignore[no-untyped-call]
    assert made.frame.dtype == torch.float32
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


def test_no_gradient_passes_from_a_level_to_the_one_before() -> None:
    i0, i1 = texture(64, 64)[None], texture(64, 64).roll(3, dims=2)[None]
    made = unrolled(network(3), i0, i1, torch.tensor([0.5]), levels=3, dtype=torch.float32)
    coarse, fine = made.flows[0], made.flows[1]
    (found,) = torch.autograd.grad(fine.sum(), [coarse], allow_unused=True)
    assert found is None


def test_its_warp_is_the_exact_warp_and_passes_gradients_to_the_flow() -> None:
    image, flow = texture(20, 30)[None], torch.randn(1, 2, 20, 30, generator=torch.Generator().manual_seed(1)) * 4
    flow.requires_grad_()
    made = warped(image, flow)
    torch.testing.assert_close(made.detach(), exact_warp(image, flow.detach()), rtol=0, atol=1e-5)
    (gradient,) = torch.autograd.grad(made.sum(), [flow])
    assert gradient.abs().max() > 0
