"""Forward splatting: each pixel moves along its flow, and is added where it lands.

Where several land, they are averaged by weight: the softmax splatting of Niklaus and Liu (CVPR 2020, equations 14 and
15), whose importance is the error in color that the flow leaves, and how far from it the way back ends. Sums are of
integers, so that they do not depend on the order in which a device adds; while training they are of floats, through
which gradients pass.
"""

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.means import mean_of_2x2
from slomo_batch.interpolators.superslomo.warp import exact_warp, upsample

SHARPNESS = 40.0
"""Of the softmax: a pixel that is wrong by 0.025 in each color counts 1 / e as much as one that is right."""
ASTRAY = 0.5
"""Likewise, of flow that does not come back: by 2 pixels of the half-size picture it counts 1 / e as much."""
UNSEEN = 1e-3
"""Weight of the paper's intermediate flow, which fills the places at which nothing lands."""
AROUND = 0.01
"""Weight of what lands around, which fills them too."""
MOST = 2.0
"""The net sees amounts that landed up to this."""
_ONE = 2.0**32
"""The integer for 1."""


def splat(x_BCHW: Tensor, flow_B2HW: Tensor, weight_B1HW: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of what lands at each pixel, [B, C, H, W], and the sum of weights, [B, 1, H, W].

    Args:
        x_BCHW: what moves. Gradients pass through it, but not through flow and weight.
        flow_B2HW: where each pixel moves to, in pixels. It is divided among the four pixels around, bilinear.
        weight_B1HW: how much each pixel counts.
    """
    num, channels, height, width = x_BCHW.shape
    flow_B2HW, weight_B1HW = flow_B2HW.detach().nan_to_num(), weight_B1HW.detach()  # not a number: no place to land
    across_BHW = flow_B2HW[:, 0] + torch.arange(width, device=x_BCHW.device)
    down_BHW = flow_B2HW[:, 1] + torch.arange(height, device=x_BCHW.device)[:, None]
    first_B11 = torch.arange(num, device=x_BCHW.device)[:, None, None] * (height * width)
    moved_BCHW = torch.cat((x_BCHW * weight_B1HW, weight_B1HW), dim=1)
    is_exact = not moved_BCHW.requires_grad
    total_CN = moved_BCHW.new_zeros(
        channels + 1, num * height * width, dtype=torch.int64 if is_exact else torch.float32
    )
    for row_BHW in (down_BHW.floor(), down_BHW.floor() + 1):
        for column_BHW in (across_BHW.floor(), across_BHW.floor() + 1):
            share_BHW = (1 - (across_BHW - column_BHW).abs()) * (1 - (down_BHW - row_BHW).abs())
            share_BHW *= (column_BHW >= 0) & (column_BHW < width) & (row_BHW >= 0) & (row_BHW < height)
            place_BHW = row_BHW.clamp(0, height - 1) * width + column_BHW.clamp(0, width - 1) + first_B11
            landed_CN = (moved_BCHW * share_BHW[:, None]).transpose(0, 1).flatten(1)
            landed_CN = (landed_CN * _ONE).to(torch.int64) if is_exact else landed_CN
            total_CN.index_add_(1, place_BHW.flatten().long(), landed_CN)
    total_BCHW = total_CN.view(channels + 1, num, height, width).transpose(0, 1)
    total_BCHW = total_BCHW.float() / _ONE if is_exact else total_BCHW
    return total_BCHW[:, :channels], total_BCHW[:, channels:]


def importance(h0_1CHW: Tensor, h1_1CHW: Tensor, flows_14HW: Tensor, *, comes_back: bool) -> Tensor:
    """Return how much each pixel of i0 and of i1 counts where it lands, [1, 2, h, w], 0 to 1.

    Args:
        h0_1CHW: i0 at half size, [1, 3, 2 h, 2 w].
        h1_1CHW: i1 likewise.
        flows_14HW: flow_01 and flow_10, [1, 4, h, w], in pixels of these pictures.
        comes_back: whether a pixel counts less if the other flow does not lead back to it. What only one picture
            shows has no flow, and seldom comes back (one of the measures of Niklaus et al., Splatting-based Synthesis,
            WACV 2023).
    """
    i0, i1 = mean_of_2x2(h0_1CHW), mean_of_2x2(h1_1CHW)
    flow_01, flow_10 = flows_14HW[:, :2], flows_14HW[:, 2:]
    error_0 = (i0 - exact_warp(i1, flow_01 / 2)).abs().mean(dim=1, keepdim=True)
    error_1 = (i1 - exact_warp(i0, flow_10 / 2)).abs().mean(dim=1, keepdim=True)
    doubt = SHARPNESS * torch.cat((error_0, error_1), dim=1)
    if comes_back:
        doubt += ASTRAY * torch.cat((_astray(flow_01, flow_10), _astray(flow_10, flow_01)), dim=1)
    return torch.exp(-doubt)


def _astray(there_B2HW: Tensor, back_B2HW: Tensor) -> Tensor:
    """Return how far from where it began each pixel is after both flows, [B, 1, h, w], in pixels of the flow."""
    missed = there_B2HW + exact_warp(back_B2HW, there_B2HW / 2)
    return missed.square().sum(dim=1, keepdim=True).sqrt()


def splatted_flows(
    flows_14HW: Tensor, importance_12HW: Tensor, fallback: tuple[Tensor, Tensor], t_B: Tensor, *, fills_gaps: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the flows from t to i0 and to i1, each [B, 2, h, w], and what landed from i0 and from i1, [B, 2, h, w].

    Args:
        flows_14HW: flow_01 and flow_10, in pixels of the half-size picture, at a quarter of the resolution.
        importance_12HW: see `importance`.
        fallback: flows where nothing lands, likewise: equation 4 of the paper.
        t_B: times, 0 < t < 1.
        fills_gaps: whether what lands around counts there too. It knows the motion of what an object uncovers;
            equation 4 knows that of what enters the picture.
    """
    t_B111 = t_B[:, None, None, None]
    num = len(t_B)
    flow_01, flow_10 = flows_14HW[:, :2].expand(num, -1, -1, -1), flows_14HW[:, 2:].expand(num, -1, -1, -1)
    weights = importance_12HW.expand(num, -1, -1, -1)
    from_0, landed_0 = splat(flow_01, t_B111 * flow_01 / 2, weights[:, :1])
    from_1, landed_1 = splat(flow_10, (1 - t_B111) * flow_10 / 2, weights[:, 1:])
    motion = (1 - t_B111) * from_0 - t_B111 * from_1  # from i0 to i1, of what is there at t
    total = (1 - t_B111) * landed_0 + t_B111 * landed_1
    if fills_gaps:
        around = AROUND * _around(torch.cat((motion, total), dim=1))
        motion, total = motion + around[:, :2], total + around[:, 2:]
    total = total + UNSEEN
    flow_t0 = (UNSEEN * fallback[0] - t_B111 * motion) / total
    flow_t1 = (UNSEEN * fallback[1] + (1 - t_B111) * motion) / total
    return flow_t0, flow_t1, torch.cat((landed_0, landed_1), dim=1).clamp(max=MOST)


def _around(x_BCHW: Tensor) -> Tensor:
    """Return means around each value, over neighborhoods that grow; each counts half as much as the one before.

    They are the pyramid of pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996).
    """
    height, width = x_BCHW.shape[-2:]
    halved = mean_of_2x2(functional.pad(x_BCHW, (0, width % 2, 0, height % 2), mode="replicate"))
    if min(halved.shape[-2:]) > 1:
        halved = halved + _around(halved)
    return 0.5 * upsample(halved, 2)[..., :height, :width]
