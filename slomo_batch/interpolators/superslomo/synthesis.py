"""What `guided` and `matched` share: how their nets see pictures, and how frames are made from flows from t."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from slomo_batch.interpolators.superslomo.means import mean_of_2x2
from slomo_batch.interpolators.superslomo.regions import Region, region_of
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, upsample

MEAN = 0.45
"""Subtracted from RGB at the input of the nets."""
FLOW_UNIT_PX = 8.0
"""Unit of flow at the input of the nets, in pixels of the half-size picture."""
FLOW_STEP_PX = 1.0
"""Unit of both nets' corrections to flow, in pixels of the half-size picture."""
EPSILON = 1e-6


def pixel_unshuffle(image_BCHW: Tensor) -> Tensor:
    """Do what torch's function does by 2, [B, 4 C, H / 2, W / 2], twice as fast on a CPU."""
    corners = [image_BCHW[..., row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return torch.stack(corners, dim=2).flatten(1, 2)


def half_size(image_BCHW: Tensor) -> Tensor:
    """Downscale to half size by averaging 2x2 pixels, as torch's bilinear sampling at scale 1/2 does.

    On a CPU, the means have the same bits as its sampling, and take a third of its time.
    """
    if image_BCHW.device.type == "cpu":
        return mean_of_2x2(image_BCHW)
    return functional.interpolate(image_BCHW, scale_factor=0.5, mode="bilinear", align_corners=False)


def at_half_size(image_BCHW: Tensor) -> Tensor:
    """Return the picture as the nets see it: at half size, without the mean."""
    return half_size(image_BCHW) - MEAN


def net_input(images: tuple[Tensor, ...], flows: tuple[Tensor, ...], *more: Tensor) -> Tensor:
    """Return the input of a net: 48 channels of four pictures, the flows, and further channels."""
    parts = [pixel_unshuffle(image) for image in images]
    parts += [*(flow / FLOW_UNIT_PX for flow in flows), *more]
    num = max(len(part) for part in parts)
    return torch.cat([part.expand(num, -1, -1, -1) for part in parts], dim=1)


def blend(g0: Tensor, g1: Tensor, visibility_t0: Tensor, t_B: Tensor) -> Tensor:
    """Blend the warped frames by time and visibility, equation 1 of the paper."""
    t_B111 = t_B[:, None, None, None]
    weight_0, weight_1 = (1 - t_B111) * visibility_t0, t_B111 * (1 - visibility_t0)
    return torch.lerp(g1, g0, weight_0 / (weight_0 + weight_1 + EPSILON))


def refined(
    net: nn.Module,
    pictures: tuple[Tensor, Tensor],
    halves: tuple[Tensor, ...],
    moved: tuple[Tensor, Tensor],
    t_B: Tensor,
    *more: Tensor,
    between: Tensor,
    region: Region | None = None,
) -> tuple[Warped, Tensor]:
    """Return the source frames warped to each t, and the refined flows from t to i0 and i1.

    Args:
        net: the paper's second U-Net; its output is both corrections of flow, and visibility at half size.
        pictures: i0 and i1.
        halves: both as the nets see them.
        moved: the flows from t to i0 and i1 to begin with, in the region.
        t_B: the times.
        more: further channels of the net's input, in the region.
        between: the flow between both pictures, [B, 4, H / 4, W / 4].
        region: the part of the frames to make; None: all.
    """
    flow_t0, flow_t1 = moved
    h0, h1 = halves
    half = region and region.divided(2)
    with torch.no_grad():
        w0, w1 = exact_warp(h0, flow_t0, region=half), exact_warp(h1, flow_t1, region=half)
    time_B1HW = t_B[:, None, None, None].expand(-1, 1, *flow_t0.shape[-2:])
    seen = region_of(half, h0), region_of(half, h1), w0, w1
    flows = flow_t0, flow_t1, region_of(region, between, 4)
    out: Tensor = net(net_input(seen, flows, time_B1HW, *more))
    flow_t0 = flow_t0 + FLOW_STEP_PX * out[:, 0:2]
    flow_t1 = flow_t1 + FLOW_STEP_PX * out[:, 2:4]
    visibility_t0 = torch.sigmoid(upsample(functional.pixel_shuffle(out[:, 4:], 2), 2))
    g0 = exact_warp(pictures[0], 2 * flow_t0, "bicubic", region)
    g1 = exact_warp(pictures[1], 2 * flow_t1, "bicubic", region)
    return Warped(g0, g1, visibility_t0), torch.cat((flow_t0, flow_t1), dim=1)
