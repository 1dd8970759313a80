"""The forward pass of guided in training equals that of inference."""

import pytest
import torch

from slomo_batch.interpolators.superslomo.guided import Guided, prior_flows
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.training.guided_forward import guided_forward
from tests.interpolators.footage import texture, window_on


def network() -> Guided:
    made = Guided()
    made.load_state_dict(load(shipped_file("compact-1")).tensors)
    return made


def test_it_answers_as_at_inference() -> None:
    scene = texture(90, 100)
    i0, i1 = (torch.stack([window_on(scene, x, y, 64, 64) for x in (20, 26)]) for y in (4, 8))
    prior = torch.cat([prior_flows(i0[number : number + 1], i1[number : number + 1]) for number in range(2)])
    t_B = torch.tensor([0.25, 0.6])
    model = network()
    made = guided_forward(model, i0, i1, prior, t_B, dtype=torch.float32)
    with torch.inference_mode():
        for number in range(2):
            one = slice(number, number + 1)
            flows = model.flows(i0[one], i1[one], prior[one])
            torch.testing.assert_close(made.flows[one].detach(), flows, rtol=0, atol=1e-3)
            frame = model.frames(i0[one], i1[one], flows, t_B[one])
            torch.testing.assert_close(made.frame[one].detach(), frame, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_weight_gets_a_gradient_whatever_the_precision(dtype: torch.dtype) -> None:
    model = network()
    i0, i1 = texture(64, 64)[None], texture(64, 64).roll(3, dims=2)[None]
    made = guided_forward(model, i0, i1, prior_flows(i0, i1), torch.tensor([0.5]), dtype=dtype)
    (made.frame.mean() + made.flows.mean()).backward()  # type: ignore[no-untyped-call]
    assert made.frame.dtype == torch.float32
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)
