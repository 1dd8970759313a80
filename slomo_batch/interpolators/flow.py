"""flow: classical optical flow, the paper's linear fit at t, backward warps, and no network.

The flow is found on luma of 8 bits; frames are fetched and weighed in fp32.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators import dis
from slomo_batch.interpolators.contract import Held
from slomo_batch.interpolators.superslomo.warp import exact_warp, linear_fit


class Flow:
    """Makes frames with classical optical flow."""

    def __init__(self, flow_scale: Fraction = Fraction(1)) -> None:
        """Find flow in pictures of 1 / n of the size, for `flow_scale` 1 / n."""
        if flow_scale.numerator != 1:
            raise ValueError(f"flow_scale is 1 / n, got {flow_scale}")
        self._shrink = flow_scale.denominator

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """The frames at `times`; see the contract."""
        height, width = i0_CHW.shape[-2:]
        i0, i1 = self._padded(i0_CHW), self._padded(i1_CHW)
        flows_14HW = self._flows(dis.luma(i0[0]), dis.luma(i1[0]))
        for time in times:
            yield _frame(i0, i1, flows_14HW, float(time))[0, :, :height, :width]

    def _padded(self, image_CHW: Tensor) -> Tensor:
        """[1, C, H, W], the last column and row repeated up to what the search needs."""
        height, width = image_CHW.shape[-2:]
        least = dis.MIN_SIDE_PX * self._shrink
        return functional.pad(
            image_CHW[None],
            (0, max(least - width, -width % self._shrink), 0, max(least - height, -height % self._shrink)),
            mode="replicate",
        )

    def _flows(self, luma_0: dis.Levels, luma_1: dis.Levels) -> Tensor:
        """flow_01 (0:2) and flow_10 (2:4), in pixels of the picture."""
        if self._shrink == 1:
            return dis.flows_both_ways(dis.thorough, luma_0, luma_1)
        small = (dis.shrunk(luma, self._shrink) for luma in (luma_0, luma_1))
        flows_14HW = dis.flows_both_ways(dis.thorough, *small)
        wide = functional.interpolate(flows_14HW, scale_factor=self._shrink, mode="bilinear", align_corners=False)
        return wide.mul_(self._shrink)


def _frame(i0: Tensor, i1: Tensor, flows_14HW: Tensor, t: float) -> Tensor:
    flow_t0, flow_t1 = linear_fit(flows_14HW, torch.tensor([t]))
    return exact_warp(i0, flow_t0).mul_(1 - t).add_(exact_warp(i1, flow_t1).mul_(t))
