"""flow: OpenCV's DIS optical flow, the paper's linear fit at t, backward warps, and no network.

The flow is found on luma of 8 bits, which is all that DIS takes; frames are fetched and weighed in fp32. One thread,
always: DIS cuts its work into as many stripes as there are threads, and its flow depends on the cut.
"""

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.contract import Held
from slomo_batch.interpolators.superslomo.warp import exact_warp, linear_fit

LUMA_RGB = (0.299, 0.587, 0.114)
MIN_SIDE_PX = 32
"""DIS needs so many pixels each way for its coarsest level; smaller pictures are continued by their border."""

Levels = NDArray[np.uint8]


class Flow:
    """Makes frames with classical optical flow."""

    def __init__(self, flow_scale: Fraction = Fraction(1)) -> None:
        """Find flow in pictures of 1 / n of the size, for `flow_scale` 1 / n."""
        if flow_scale.numerator != 1:
            raise ValueError(f"flow_scale is 1 / n, got {flow_scale}")
        self._shrink = flow_scale.denominator

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Sequence[Fraction]) -> list[Tensor | Held]:
        """The frames at `times`; see the contract."""
        height, width = i0_CHW.shape[-2:]
        i0, i1 = self._padded(i0_CHW), self._padded(i1_CHW)
        flows_14HW = self._flows(_luma(i0), _luma(i1))
        return [_frame(i0, i1, flows_14HW, float(time))[0, :, :height, :width] for time in times]

    def _padded(self, image_CHW: Tensor) -> Tensor:
        """[1, C, H, W], the last column and row repeated up to what DIS needs."""
        height, width = image_CHW.shape[-2:]
        least = MIN_SIDE_PX * self._shrink
        return functional.pad(
            image_CHW[None],
            (0, max(least - width, -width % self._shrink), 0, max(least - height, -height % self._shrink)),
            mode="replicate",
        )

    def _flows(self, luma_0: Levels, luma_1: Levels) -> Tensor:
        """flow_01 (0:2) and flow_10 (2:4), in pixels of the picture."""
        cv2.setNumThreads(1)
        if self._shrink > 1:
            luma_0, luma_1 = (self._shrunk(luma) for luma in (luma_0, luma_1))
        both = np.concatenate((_dis(luma_0, luma_1), _dis(luma_1, luma_0)), axis=2)
        flows_14HW = torch.from_numpy(both).permute(2, 0, 1)[None].contiguous()
        if self._shrink == 1:
            return flows_14HW
        wide = functional.interpolate(flows_14HW, scale_factor=self._shrink, mode="bilinear", align_corners=False)
        return wide.mul_(self._shrink)

    def _shrunk(self, luma: Levels) -> Levels:
        size = luma.shape[1] // self._shrink, luma.shape[0] // self._shrink
        return cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _luma(image_1CHW: Tensor) -> Levels:
    r, g, b = image_1CHW[0]
    luma_HW = r * LUMA_RGB[0] + g * LUMA_RGB[1] + b * LUMA_RGB[2]
    levels: Levels = luma_HW.mul_(255).round_().clamp_(0, 255).to(torch.uint8).contiguous().numpy()
    return levels


def _dis(luma_0: Levels, luma_1: Levels) -> NDArray[np.float32]:
    """The flow from the first to the second, [H, W, 2]: x, then y."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = dis.calc(luma_0, luma_1, None)  # type: ignore[call-overload]  # no flow to begin with
    return np.asarray(found, dtype=np.float32)


def _frame(i0: Tensor, i1: Tensor, flows_14HW: Tensor, t: float) -> Tensor:
    flow_t0, flow_t1 = linear_fit(flows_14HW, torch.tensor([t]))
    return exact_warp(i0, flow_t0).mul_(1 - t).add_(exact_warp(i1, flow_t1).mul_(t))
