"""`compact` as training sees it: the same answers as at inference, for batches, with gradients and what losses need.

Weights stay in fp32; the nets run on a narrow copy of them, as at inference, and gradients come back through the copy.
Each level of the pyramid is given the flow of the one before as it stands: no gradient passes from level to level, nor
through the pictures warped for the nets' inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from slomo_batch.interpolators.superslomo.compact import (
    EPSILON,
    FLOW_STEP_PX,
    FLOW_UNIT_PX,
    MEAN,
    RESIDUAL_UNIT_PX,
    Compact,
    doubled,
)
from slomo_batch.interpolators.superslomo.warp import linear_fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the network makes of a batch."""

    frame: Tensor
    """[B, 3, H, W]."""
    flows: Sequence[Tensor]
    """flow_01 and flow_10, [B, 4, h, w], of every level, the coarsest first: each in pixels of its level, at half its
    resolution."""
    flow_t0: Tensor
    """Of the linear fit, at half resolution, in full-resolution pixels; before the second net refines it."""
    flow_t1: Tensor
    visibility_t0: Tensor
    """[B, 1, H, W], 0 to 1."""


def warped(image_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """`exact_warp`, through which gradients pass to the flow."""
    height, width = flow_B2HW.shape[-2:]
    x_W = torch.arange(width, dtype=torch.float32, device=flow_B2HW.device)
    y_H1 = torch.arange(height, dtype=torch.float32, device=flow_B2HW.device)[:, None]
    grid_BHW2 = torch.stack(
        ((flow_B2HW[:, 0] + x_W) * (2 / (width - 1)) - 1, (flow_B2HW[:, 1] + y_H1) * (2 / (height - 1)) - 1), dim=-1
    )
    return functional.grid_sample(image_BCHW, grid_BHW2, padding_mode="border", align_corners=True)


def unrolled(network: Compact, i0: Tensor, i1: Tensor, t_B: Tensor, *, levels: int, dtype: torch.dtype) -> Made:
    """The frames at t_B between the batches i0 and i1, [B, 3, H, W]; t is each sample's own."""
    i0, i1 = i0 - MEAN, i1 - MEAN
    flows = _flows(network.fc, torch.cat((i0, i1), dim=1), levels, dtype)
    flow_t0, flow_t1 = linear_fit(flows[-1], t_B)
    fine_t0, fine_t1 = doubled(flow_t0), doubled(flow_t1)
    with torch.no_grad():
        seen = torch.cat((i0, i1, warped(i0, fine_t0), warped(i1, fine_t1)), dim=1).to(dtype)
    height, width = flow_t0.shape[-2:]
    told = torch.cat((flow_t0, flow_t1, flows[-1]), dim=1) / FLOW_UNIT_PX
    time = t_B[:, None, None, None].expand(-1, 1, height, width)
    out = _run(
        network.at,
        _narrowed(network.at, dtype),
        torch.cat((functional.pixel_unshuffle(seen, 2), told.to(dtype), time.to(dtype)), dim=1),
    )
    residual = doubled(out[:, :4] * RESIDUAL_UNIT_PX)
    g0 = warped(i0, fine_t0 + residual[:, :2])
    g1 = warped(i1, fine_t1 + residual[:, 2:])
    visibility_t0 = torch.sigmoid(functional.pixel_shuffle(out[:, 4:], 2))
    t_B111 = t_B[:, None, None, None]
    weight_0, weight_1 = (1 - t_B111) * visibility_t0, t_B111 * (1 - visibility_t0)
    frame = (weight_0 * g0 + weight_1 * g1) / (weight_0 + weight_1 + EPSILON) + MEAN
    return Made(frame=frame, flows=flows, flow_t0=flow_t0, flow_t1=flow_t1, visibility_t0=visibility_t0)


def _flows(net: nn.Module, pair_B6HW: Tensor, levels: int, dtype: torch.dtype) -> list[Tensor]:
    pyramid = [pair_B6HW]
    while len(pyramid) < levels:
        pyramid.append(functional.avg_pool2d(pyramid[-1], 2))
    narrow, found = _narrowed(net, dtype), list[Tensor]()
    for pair in reversed(pyramid):
        i0, i1 = pair[:, :3], pair[:, 3:]
        if not found:
            height, width = pair.shape[-2:]
            prior, w10, w01 = pair.new_zeros(len(pair), 4, height // 2, width // 2), i1, i0
        else:
            with torch.no_grad():
                prior = doubled(found[-1].detach()) * 2
                fine = doubled(prior)
                w10, w01 = warped(i1, fine[:, :2]), warped(i0, fine[:, 2:])
        seen = functional.pixel_unshuffle(torch.cat((pair, w10, w01), dim=1).to(dtype), 2)
        change = _run(net, narrow, torch.cat((seen, (prior / FLOW_UNIT_PX).to(dtype)), dim=1))
        found.append(prior + change * FLOW_STEP_PX)
    return found


def _narrowed(net: nn.Module, dtype: torch.dtype) -> Mapping[str, Tensor]:
    return {name: parameter.to(dtype) for name, parameter in net.named_parameters()}


def _run(net: nn.Module, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> Tensor:
    outputs: Tensor = functional_call(net, dict(parameters), (x_BCHW,))
    return outputs
