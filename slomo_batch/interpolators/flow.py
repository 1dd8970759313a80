"""flow: classical optical flow, the paper's intermediate flows at t and backward warps, without a network.

Flow is estimated on 8-bit luma; frames are warped and blended in fp32.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators import dis
from slomo_batch.interpolators.contract import Held, JudgedFrame, JudgedPair
from slomo_batch.interpolators.evidence import PairEvidence, without_padding
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, intermediate_flows


class Flow:
    """Interpolates with classical optical flow."""

    def __init__(self, flow_scale: Fraction = Fraction(1)) -> None:
        """Estimate flow on pictures downscaled to `flow_scale`, which is 1 / n.

        Raises:
            ValueError: flow_scale is not 1 / n.
        """
        if flow_scale.numerator != 1:
            raise ValueError(f"flow_scale must be 1 / n, got {flow_scale}")
        self._divisor = flow_scale.denominator

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """Yield the frames at `times`; see the contract."""
        height, width = i0_CHW.shape[-2:]
        i0, i1 = self._pad(i0_CHW), self._pad(i1_CHW)
        flows_14HW = self._flows(*dis.luma_of_pair(i0[0], i1[0]))
        for time in times:
            warped = _warped(i0, i1, flows_14HW, torch.tensor([float(time)]))
            yield _blended(warped, float(time))[0, :, :height, :width]

    def judged(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction], *, by_region: bool) -> JudgedPair:
        """Judge a pair, and make its frames; see the contract."""
        height, width = i0_CHW.shape[-2:]
        i0, i1 = self._pad(i0_CHW), self._pad(i1_CHW)
        flows_14HW = self._flows(*dis.luma_of_pair(i0[0], i1[0]))
        evidence = PairEvidence.of(i0, i1, flows_14HW)

        def frames() -> Iterator[JudgedFrame]:
            for time in times:
                t_B = torch.tensor([float(time)])
                warped = _warped(i0, i1, flows_14HW, t_B)
                doubt = without_padding(evidence.doubt_at(t_B, warped)[0], height, width) if by_region else None
                yield JudgedFrame(_blended(warped, float(time))[0, :, :height, :width], doubt)

        return JudgedPair(doubt=without_padding(evidence.doubt(), height, width), frames=frames())

    def _pad(self, image_CHW: Tensor) -> Tensor:
        """Pad by replicating the last column and row to the size that the search needs, [1, C, H, W]."""
        height, width = image_CHW.shape[-2:]
        least = dis.MIN_SIDE_PX * self._divisor
        return functional.pad(
            image_CHW[None],
            (0, max(least - width, -width % self._divisor), 0, max(least - height, -height % self._divisor)),
            mode="replicate",
        )

    def _flows(self, luma_0: dis.Levels, luma_1: dis.Levels) -> Tensor:
        """Return flow_01 (channels 0:2) and flow_10 (2:4), in pixels of the picture."""
        if self._divisor == 1:
            return dis.bidirectional_flow(dis.medium_preset, luma_0, luma_1)
        small = (dis.downscale(luma, self._divisor) for luma in (luma_0, luma_1))
        flows_14HW = dis.bidirectional_flow(dis.medium_preset, *small)
        wide = functional.interpolate(flows_14HW, scale_factor=self._divisor, mode="bilinear", align_corners=False)
        return wide.mul_(self._divisor)


def _warped(i0: Tensor, i1: Tensor, flows_14HW: Tensor, t_B: Tensor) -> Warped:
    flow_t0, flow_t1 = intermediate_flows(flows_14HW, t_B)
    alike = flow_t0.new_full((1, 1, 1, 1), 0.5).expand(-1, -1, *flow_t0.shape[-2:])
    return Warped(exact_warp(i0, flow_t0), exact_warp(i1, flow_t1), alike)


def _blended(warped: Warped, time: float) -> Tensor:
    """Blend by time; the warped frames are overwritten."""
    return warped.g0.mul_(1 - time).add_(warped.g1.mul_(time))
