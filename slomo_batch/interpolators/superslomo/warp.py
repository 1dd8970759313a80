"""Backward warp: each pixel of the answer is fetched from where the flow says it came. Always fp32."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Kernel = Literal["bilinear", "bicubic"]
"""Between pixels: bilinear blurs; bicubic (Keys' cubic convolution, a = -0.75) keeps detail, and may overshoot."""


def warp(
    image_BCHW: Tensor,
    flow_B2HW: Tensor,
    *,
    columns: int,
    rows: int,
    outside: Literal["zeros", "border"],
    kernel: Kernel = "bilinear",
) -> Tensor:
    """The image fetched at x + flow.

    Args:
        image_BCHW: what is sampled; one serves every flow.
        flow_B2HW: displacement in pixels of the image, across first, then down; or at 1 / n of the image's resolution,
            which is then enlarged, bilinear.
        columns: what a column number is divided by to normalise it; width - 1 samples exactly where the flow points.
        rows: the same of rows.
        outside: what stands beyond the border: nothing, or the border's own pixels.
        kernel: how pixels are weighed where the flow points between them.
    """
    batch, (height, width) = len(flow_B2HW), image_BCHW.shape[-2:]
    # The grid is scaled while it is small, and stays in planes: both save passes over full-size pictures.
    across_B1HW, down_B1HW = flow_B2HW[:, :1] * (2 / columns), flow_B2HW[:, 1:] * (2 / rows)
    grid_B2HW = upsample(torch.cat((across_B1HW, down_B1HW), dim=1), height // flow_B2HW.shape[-2])
    x_W = torch.arange(width, dtype=torch.float32, device=flow_B2HW.device)
    y_H = torch.arange(height, dtype=torch.float32, device=flow_B2HW.device)
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
    """`factor` times the resolution, bilinear."""
    if factor == 1:
        return x_BCHW
    return functional.interpolate(x_BCHW, scale_factor=factor, mode="bilinear", align_corners=False)


def exact_warp(image_BCHW: Tensor, flow_B2HW: Tensor, kernel: Kernel = "bilinear") -> Tensor:
    """The image fetched exactly at x + flow; beyond its border stand the border's own pixels; else as `warp`."""
    height, width = image_BCHW.shape[-2:]
    return warp(image_BCHW, flow_B2HW, columns=width - 1, rows=height - 1, outside="border", kernel=kernel)


def intermediate_flows(flows_14HW: Tensor, t_B: Tensor) -> tuple[Tensor, Tensor]:
    """Flows from the frames at `t` to i0 and to i1, from flow_01 (0:2) and flow_10 (2:4): the paper's equation 4."""
    t_B111 = t_B[:, None, None, None]
    flow_01, flow_10 = flows_14HW[:, 0:2], flows_14HW[:, 2:4]
    flow_t0 = t_B111 * t_B111 * flow_10 - (1 - t_B111) * t_B111 * flow_01
    flow_t1 = (1 - t_B111) ** 2 * flow_01 - t_B111 * (1 - t_B111) * flow_10
    return flow_t0, flow_t1
