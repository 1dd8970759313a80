"""Backward warping, and the paper's intermediate flows. Always in fp32."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.regions import Region

Kernel = Literal["bilinear", "bicubic"]
"""Sampling kernel: bilinear blurs; bicubic (Keys' cubic convolution, a = -0.75) keeps detail, and may overshoot."""


class Warped(NamedTuple):
    """The two source frames, warped to each t, and which of them is visible there."""

    g0: Tensor
    """i0 at each t, [B, 3, H, W]."""
    g1: Tensor
    """i1 likewise."""
    visibility_t0: Tensor
    """Of i0, 0 to 1, [B, 1, H, W]; that of i1 is 1 minus it."""


def warp(
    image_BCHW: Tensor,
    flow_B2HW: Tensor,
    *,
    columns: int,
    rows: int,
    outside: Literal["zeros", "border"],
    kernel: Kernel = "bilinear",
    region: Region | None = None,
) -> Tensor:
    """Sample the image at x + flow.

    Args:
        image_BCHW: the image; a batch of one is used for every flow.
        flow_B2HW: displacement in image pixels, horizontal then vertical; may have 1 / n of the image's resolution,
            and is then upsampled, bilinear.
        columns: divisor that normalizes column numbers; width - 1 samples exactly at x + flow.
        rows: the same for rows.
        outside: value outside the image: zero, or the nearest border pixel.
        kernel: interpolation between pixels.
        region: where x is, in the image, if the flow is that of a region; it may point out of the region.
    """
    x = region or Region(0, 0, *image_BCHW.shape[-2:])
    batch = len(flow_B2HW)
    # Scaling the grid before upsampling, and keeping it planar, saves passes over full-size pictures.
    across_B1HW, down_B1HW = flow_B2HW[:, :1] * (2 / columns), flow_B2HW[:, 1:] * (2 / rows)
    grid_B2HW = upsample(torch.cat((across_B1HW, down_B1HW), dim=1), x.height // flow_B2HW.shape[-2])
    x_W = torch.arange(x.left, x.left + x.width, dtype=torch.float32, device=flow_B2HW.device)
    y_H = torch.arange(x.top, x.top + x.height, dtype=torch.float32, device=flow_B2HW.device)
    grid_B2HW[:, 0] += x_W * (2 / columns) - 1
    grid_B2HW[:, 1] += (y_H * (2 / rows) - 1)[:, None]
    return functional.grid_sample(
        image_BCHW.expand(batch, -1, -1, -1),
        grid_B2HW.permute(0, 2, 3, 1),
        mode=kernel,
        padding_mode=outside,
        align_corners=True,
    )


def upsample(x_BCHW: Tensor, factor: int) -> Tensor:
    """Upsample to `factor` times the resolution, bilinear."""
    if factor == 1:
        return x_BCHW
    return functional.interpolate(x_BCHW, scale_factor=factor, mode="bilinear", align_corners=False)


def exact_warp(
    image_BCHW: Tensor, flow_B2HW: Tensor, kernel: Kernel = "bilinear", region: Region | None = None
) -> Tensor:
    """Sample the image exactly at x + flow, replicating its border; otherwise as `warp`."""
    rows, columns = (max(1, length - 1) for length in image_BCHW.shape[-2:])
    return warp(image_BCHW, flow_B2HW, columns=columns, rows=rows, outside="border", kernel=kernel, region=region)


def intermediate_flows(flows_14HW: Tensor, t_B: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flows from t to i0 and to i1, given flow_01 (0:2) and flow_10 (2:4): equation 4 of the paper."""
    t_B111 = t_B[:, None, None, None]
    flow_01, flow_10 = flows_14HW[:, 0:2], flows_14HW[:, 2:4]
    flow_t0 = t_B111 * t_B111 * flow_10 - (1 - t_B111) * t_B111 * flow_01
    flow_t1 = (1 - t_B111) ** 2 * flow_01 - t_B111 * (1 - t_B111) * flow_10
    return flow_t0, flow_t1
