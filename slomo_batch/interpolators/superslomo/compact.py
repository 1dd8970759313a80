"""`compact`: a small coarse-to-fine variant of Super SloMo.

It has the paper's two U-Nets and its synthesis, at half resolution. The flow computation net runs at every level of an
image pyramid with shared weights; more levels at inference cover larger motion with the same weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.regions import Region, region_of
from slomo_batch.interpolators.superslomo.unet import CompactUNet
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, intermediate_flows
from slomo_batch.plan.tiles import BYTES_PER_PX

CHANNELS = (32, 64, 96, 128)
MEAN = 0.45
"""Subtracted from RGB at the input of the nets."""
FLOW_UNIT_PX = 8.0
"""Unit of flow at the input of the nets, in pixels."""
FLOW_STEP_PX = 4.0
"""Unit of the flow net's output, a correction to its input flow, in pixels."""
RESIDUAL_UNIT_PX = 2.0
"""Unit of the second net's corrections to the two intermediate flows, in pixels."""
TRAINED_LEVELS = 3
EPSILON = 1e-6


def upsample_2x(x_BCHW: Tensor) -> Tensor:
    """Upsample to twice the resolution, bilinear."""
    return functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear", align_corners=False)


class Compact(Network):
    """The network: `fc` computes the flow of a pair, `at` the frame at t.

    The number of pyramid levels is chosen at inference, and does not depend on the weights.
    """

    flow_px = 1.0
    bytes_per_px = BYTES_PER_PX["superslomo-compact"]

    def __init__(self, levels: int = TRAINED_LEVELS) -> None:
        super().__init__()
        self.levels = levels
        self.fc = CompactUNet(52, 4, CHANNELS)
        self.at = CompactUNet(57, 8, CHANNELS)

    def size_multiple(self) -> int:
        """Return the number that height and width must be multiples of.

        The unshuffle halves each pyramid level once, the U-Net three times.
        """
        return 1 << (self.levels + 3)

    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor, *_: Tensor) -> Tensor:
        """Return flow_01 and flow_10, [1, 4, H / 2, W / 2], in full-resolution pixels."""
        pyramid = _pyramid(_subtract_mean(i0_1CHW, i1_1CHW), self.levels)
        flows_14HW = self._refine(pyramid[0], None)
        for pair_16HW in pyramid[1:]:
            flows_14HW = self._refine(pair_16HW, flows_14HW)
        return flows_14HW

    def _refine(self, pair_16HW: Tensor, coarser_14HW: Tensor | None) -> Tensor:
        """Return the flow at one level, given the flow of the next coarser level."""
        height, width = pair_16HW.shape[-2:]
        if coarser_14HW is None:
            prior_14HW = pair_16HW.new_zeros(1, 4, height // 2, width // 2)
            w10, w01 = pair_16HW[:, 3:], pair_16HW[:, :3]
        else:
            prior_14HW = upsample_2x(coarser_14HW).mul_(2)
            fine_14HW = upsample_2x(prior_14HW)
            w10 = exact_warp(pair_16HW[:, 3:], fine_14HW[:, :2])
            w01 = exact_warp(pair_16HW[:, :3], fine_14HW[:, 2:])
        dtype = self.fc.o.weight.dtype
        seen = [_pixel_unshuffle(image, dtype) for image in (pair_16HW, w10, w01)]
        change: Tensor = self.fc(torch.cat((*seen, (prior_14HW / FLOW_UNIT_PX).to(dtype)), dim=1))
        return prior_14HW + change.mul_(FLOW_STEP_PX)

    def frame_inputs(self, i0_1CHW: Tensor, i1_1CHW: Tensor) -> tuple[Tensor, ...]:
        """Return the further input of `frames`, which does not depend on t: the pair without its mean."""
        return (_subtract_mean(i0_1CHW, i1_1CHW),)

    def warped(
        self,
        i0_1CHW: Tensor,
        i1_1CHW: Tensor,
        flows_14HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> Warped:
        """Return the source frames warped to each t, minus the mean."""
        (pair_16HW,) = inputs or self.frame_inputs(i0_1CHW, i1_1CHW)
        flows_14HW = region_of(region, flows_14HW, 2)
        i0_BCHW, i1_BCHW = (image.expand(len(t_B), -1, -1, -1) for image in torch.split(pair_16HW, 3, dim=1))
        flow_t0, flow_t1 = intermediate_flows(flows_14HW, t_B)
        fine_t0, fine_t1 = upsample_2x(flow_t0), upsample_2x(flow_t1)
        warped = exact_warp(i0_BCHW, fine_t0, region=region), exact_warp(i1_BCHW, fine_t1, region=region)
        seen_16HW = region_of(region, pair_16HW)
        out = self.at(_net_input(seen_16HW, warped, (flow_t0, flow_t1, flows_14HW), t_B, self.at.o.weight.dtype))
        residual = upsample_2x(out[:, :4].mul(RESIDUAL_UNIT_PX))
        g0 = exact_warp(i0_BCHW, fine_t0.add_(residual[:, :2]), region=region)
        g1 = exact_warp(i1_BCHW, fine_t1.add_(residual[:, 2:]), region=region)
        visibility_t0 = torch.sigmoid(functional.pixel_shuffle(out[:, 4:], 2))
        return Warped(g0, g1, visibility_t0)

    def blended(self, warped: Warped, t_B: Tensor) -> Tensor:
        """Return the frame at each t; the warped frames are overwritten."""
        return _blend(*warped, t_B).add_(MEAN)


def _subtract_mean(i0_1CHW: Tensor, i1_1CHW: Tensor) -> Tensor:
    """Concatenate the pictures along the channels, and subtract the mean; warping and averaging preserve this."""
    return torch.cat((i0_1CHW, i1_1CHW), dim=1).sub_(MEAN)


def _pyramid(pair_16HW: Tensor, levels: int) -> Sequence[Tensor]:
    """Return the pair at each pyramid level, coarsest first."""
    pyramid = [pair_16HW]
    while len(pyramid) < levels:
        pyramid.append(functional.avg_pool2d(pyramid[-1], 2))
    return pyramid[::-1]


def _pixel_unshuffle(image_BCHW: Tensor, dtype: torch.dtype) -> Tensor:
    """Apply pixel_unshuffle(2) in this dtype, [B, 4 C, H / 2, W / 2]; torch's own takes five times as long."""
    narrow_BCHW = image_BCHW.to(dtype)
    num, channels, height, width = image_BCHW.shape
    shuffled = narrow_BCHW.new_empty(num, 4 * channels, height // 2, width // 2)
    for corner in range(4):
        shuffled[:, corner::4].copy_(narrow_BCHW[:, :, corner // 2 :: 2, corner % 2 :: 2])
    return shuffled


def _net_input(
    pair_16HW: Tensor, warped: tuple[Tensor, Tensor], flows: tuple[Tensor, ...], t_B: Tensor, dtype: torch.dtype
) -> Tensor:
    """Return the input of the second net: 48 channels of pictures, 8 of flow, and the time, at half resolution."""
    num, (height, width) = len(t_B), flows[0].shape[-2:]
    parts = [_pixel_unshuffle(pair_16HW, dtype), *(_pixel_unshuffle(image, dtype) for image in warped)]
    parts += [(flow / FLOW_UNIT_PX).to(dtype) for flow in flows]
    parts.append(t_B.to(dtype)[:, None, None, None].expand(-1, -1, height, width))
    return torch.cat([part.expand(num, -1, -1, -1) for part in parts], dim=1)


def _blend(g0: Tensor, g1: Tensor, visibility_t0: Tensor, t_B: Tensor) -> Tensor:
    """Blend the warped frames by time and visibility, equation 1 of the paper."""
    t_B111 = t_B[:, None, None, None]
    weight_0 = (1 - t_B111) * visibility_t0
    weight_1 = t_B111 * (1 - visibility_t0)
    total = weight_0 + weight_1 + EPSILON
    return g0.mul_(weight_0).add_(g1.mul_(weight_1)).div_(total)
