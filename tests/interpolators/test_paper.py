"""The paper's network: the parameters and conventions of the public code."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.paper import MEAN_RGB, paper_warp
from slomo_batch.interpolators.superslomo.warp import intermediate_flows
from tests.interpolators.footage import texture
from tests.interpolators.weights_files import PUBLIC_SHAPES, paper


def test_it_has_the_parameters_of_the_public_checkpoint() -> None:
    assert sum(parameter.numel() for parameter in paper().fc.parameters()) == 19_794_116
    assert sum(parameter.numel() for parameter in paper().at.parameters()) == 19_816_357


def test_each_net_has_46_tensors_under_the_public_keys() -> None:
    keys = [f"{conv}.{kind}" for conv in PUBLIC_SHAPES for kind in ("weight", "bias")]
    assert list(paper().fc.state_dict()) == keys
    assert list(paper().at.state_dict()) == keys
    assert len(keys) == 46


# ---- the reference's formulas, spelled out once more ----------------------------------------------------------------


def conv(x: Tensor, state: Mapping[str, Tensor], key: str) -> Tensor:
    weight = state[f"{key}.weight"]
    y = functional.conv2d(x, weight, state[f"{key}.bias"], padding=(weight.shape[-1] - 1) // 2)
    return torch.where(y > 0, y, 0.1 * y)


def unet(x: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    skips = [conv(conv(x, state, "conv1"), state, "conv2")]
    for number in range(1, 6):
        halved = functional.avg_pool2d(skips[-1], 2)
        skips.append(conv(conv(halved, state, f"down{number}.conv1"), state, f"down{number}.conv2"))
    x = skips.pop()
    for number in range(1, 6):
        x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = conv(x, state, f"up{number}.conv1")
        x = conv(torch.cat((x, skips.pop()), 1), state, f"up{number}.conv2")
    return conv(x, state, "conv3")


def back_warp(image: Tensor, flow: Tensor) -> Tensor:
    _, _, height, width = image.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    xn = 2 * ((x + flow[:, 0]) / width - 0.5)
    yn = 2 * ((y + flow[:, 1]) / height - 0.5)
    return functional.grid_sample(image, torch.stack((xn, yn), 3), align_corners=True, padding_mode="zeros")


def reference_frame(i0: Tensor, i1: Tensor, t: float) -> Tensor:
    mean = torch.tensor(MEAN_RGB)[None, :, None, None]
    i0, i1 = i0 - mean, i1 - mean
    f01, f10 = torch.split(unet(torch.cat((i0, i1), 1), paper().fc.state_dict()), 2, 1)
    ft0 = -(1 - t) * t * f01 + t * t * f10
    ft1 = (1 - t) ** 2 * f01 - t * (1 - t) * f10
    g0, g1 = back_warp(i0, ft0), back_warp(i1, ft1)
    out = unet(torch.cat((i0, i1, f01, f10, ft1, ft0, g1, g0), 1), paper().at.state_dict())
    v0 = torch.sigmoid(out[:, 4:5])
    v1 = 1 - v0
    w0, w1 = back_warp(i0, out[:, :2] + ft0), back_warp(i1, out[:, 2:4] + ft1)
    return ((1 - t) * v0 * w0 + t * v1 * w1) / ((1 - t) * v0 + t * v1) + mean


def test_frames_are_those_of_the_references_formulas() -> None:
    i0, i1 = texture(64, 96)[None], texture(64, 96, seed=1)[None]
    times = torch.tensor([0.25, 0.5, 0.875])
    with torch.inference_mode():
        flows = paper().flows(i0, i1)
        made = paper().frames(i0, i1, flows, times)
        expected = torch.cat([reference_frame(i0, i1, t) for t in times.tolist()])
    assert 0.5 < flows.abs().mean() < 20
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


# ---- its conventions ------------------------------------------------------------------------------------------------


def test_its_warp_falls_short_by_its_share_of_a_pixel() -> None:
    ramp = torch.arange(32.0)[None, None, None].expand(1, 1, 8, 32)
    warped = paper_warp(ramp, torch.zeros(1, 2, 8, 32))
    torch.testing.assert_close(warped[0, 0, 0], torch.arange(32.0) * 31 / 32, rtol=0, atol=1e-4)


def test_outside_of_the_picture_it_sees_zero() -> None:
    image = torch.ones(1, 3, 8, 8)
    assert paper_warp(image, torch.full((1, 2, 8, 8), 20.0)).abs().max() == 0


@pytest.mark.parametrize("t", [0.125, 0.5, 0.7])
def test_the_linear_fit_is_the_same_seen_from_either_end(t: float) -> None:
    flows = torch.randn(1, 4, 4, 5, generator=torch.Generator().manual_seed(0))
    flow_t0, flow_t1 = intermediate_flows(flows, torch.tensor([t]))
    reversed_t0, reversed_t1 = intermediate_flows(torch.cat((flows[:, 2:], flows[:, :2]), 1), torch.tensor([1 - t]))
    torch.testing.assert_close(reversed_t1, flow_t0)
    torch.testing.assert_close(reversed_t0, flow_t1)
