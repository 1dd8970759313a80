"""The forward pass of the paper's network in training equals that of inference."""

import torch

from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.training.paper_forward import paper_forward
from tests.interpolators.footage import texture, window_on


def network() -> Paper:
    torch.manual_seed(3)
    return Paper()


def test_it_answers_as_at_inference() -> None:
    scene = texture(60, 70)
    i0, i1 = (torch.stack([window_on(scene, x, y, 32, 32) for x in (20, 26)]) for y in (4, 8))
    t_B, model = torch.tensor([0.25, 0.6]), network()
    made = paper_forward(model, i0, i1, t_B, dtype=torch.float32)
    with torch.inference_mode():
        for number in range(2):
            pair = i0[number : number + 1], i1[number : number + 1]
            flows = model.flows(*pair)
            torch.testing.assert_close(made.flows[number : number + 1].detach(), flows, rtol=0, atol=1e-4)
            frame = model.frames(*pair, flows, t_B[number : number + 1])
            torch.testing.assert_close(made.frame[number : number + 1].detach(), frame, rtol=0, atol=1e-4)


def test_every_weight_gets_a_gradient_in_bf16() -> None:
    model = network()
    i0, i1 = texture(32, 32)[None], texture(32, 32).roll(3, dims=2)[None]
    made = paper_forward(model, i0, i1, torch.tensor([0.5]), dtype=torch.bfloat16)
    made.frame.square().mean().backward()  # type: ignore[no-untyped-call]
    assert made.frame.dtype == torch.float32
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)
