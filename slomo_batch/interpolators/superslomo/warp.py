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
        image_BCHW: what is sampled.
        flow_B2HW: displacement in pixels, across first, then down.
        columns: what a column number is divided by to normalise it; width - 1 samples exactly where the flow points.
        rows: the same of rows.
        outside: what stands beyond the border: nothing, or the border's own pixels.
        kernel: how pixels are weighed where the flow points between them.
    """
    height, width = flow_B2HW.shape[-2:]
    x_W = torch.arange(width, dtype=torch.float32, device=flow_B2HW.device)
    y_H1 = torch.arange(height, dtype=torch.float32, device=flow_B2HW.device)[:, None]
    across_BHW = (flow_B2HW[:, 0] + x_W) * (2 / columns) - 1
    down_BHW = (flow_B2HW[:, 1] + y_H1) * (2 / rows) - 1
    grid_BHW2 = torch.stack((across_BHW, down_BHW), dim=-1)
    return functional.grid_sample(image_BCHW, grid_BHW2, mode=kernel, padding_mode=outside, align_corners=True)


def exact_warp(image_BCHW: Tensor, flow_B2HW: Tensor, kernel: Kernel = "bilinear") -> Tensor:
    """The image fetched exactly at x + flow, in pixels; beyond its border stand the border's own pixels."""
    height, width = image_BCHW.shape[-2:]
    return warp(image_BCHW, flow_B2HW, columns=width - 1, rows=height - 1, outside="border", kernel=kernel)


def linear_fit(flows_14HW: Tensor, t_B: Tensor) -> tuple[Tensor, Tensor]:
    """Flows from the frames at `t` to i0 and to i1, from flow_01 (0:2) and flow_10 (2:4): the paper's equation 4."""
    t_B111 = t_B[:, None, None, None]
    flow_01, flow_10 = flows_14HW[:, 0:2], flows_14HW[:, 2:4]
    flow_t0 = t_B111 * t_B111 * flow_10 - (1 - t_B111) * t_B111 * flow_01
    flow_t1 = (1 - t_B111) ** 2 * flow_01 - t_B111 * (1 - t_B111) * flow_10
    return flow_t0, flow_t1
