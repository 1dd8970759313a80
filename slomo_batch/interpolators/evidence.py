"""Evidence: where a method's own flows and warped frames suggest that its frames are wrong.

There are three signs, each a map from 0 to 1 at a quarter of the picture's resolution:

    inconsistent flow     there and back again does not end where it began, relative to the motion
    photometric error     a source frame that is warped to the other differs from it, relative to an unwarped one
    disagreement          the two frames that are warped to t differ where both are visible, relative likewise

Their mean is the evidence. `doubt_of` turns it into a doubt: the weight that a cross-fade deserves there. The curve is
measured (docs/decisions/0017-doubt-is-a-weight-for-a-cross-fade.md). Nothing here waits for the device.
"""

from dataclasses import dataclass
from math import ceil
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.contract import CELL_PX
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, intermediate_flows

FEATHER_PX, FEATHER_LINES = 16, 1080
"""Evidence is averaged, and doubt feathered, over at least so many pixels of a picture of so many lines."""
LEAST_CHANGE = 0.008
"""Added to the differences by which errors are divided: two levels of 255, so that noise is no sign."""
LEAST_MOTION_PX = 2.0
"""Added to the motion by which inconsistency is divided."""
EPSILON = 1e-6
FULL_DOUBT = 0.6
"""The evidence from which on a doubt is 1."""


def doubt_of(evidence: Tensor) -> Tensor:
    """Return the doubt, 0 to 1, of this evidence; without a step, and 0 where there is no evidence."""
    share = (evidence / FULL_DOUBT).clamp(max=1)
    return share * share * share


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEvidence:
    """The evidence of a pair, from which that of its frames follows."""

    signs: Tensor
    """The first two signs at the cells of i0 and of i1, added up, [2, 1, h, w], 0 to 2."""
    flows: Tensor
    """flow_01 (channels 0:2) and flow_10 (2:4), [1, 4, h, w], in cells."""
    change: Tensor
    """Difference of the two source frames, averaged over the feather, [1, 1, h, w]."""
    feather: int
    """Radius of the feather, in cells."""

    @classmethod
    def of(cls, i0_1CHW: Tensor, i1_1CHW: Tensor, flows_14HW: Tensor, *, flow_px: float = 1.0) -> Self:
        """Collect the evidence of a pair.

        Args:
            i0_1CHW: RGB, 0 to 1.
            i1_1CHW: the next source frame, likewise.
            flows_14HW: flow_01 (channels 0:2) and flow_10 (2:4), at 1, 1/2 or 1/4 of the picture's resolution.
            flow_px: unit of the flows, in pixels of the picture.
        """
        i0, i1 = _cells(i0_1CHW), _cells(i1_1CHW)
        coarser = i0_1CHW.shape[-1] // flows_14HW.shape[-1]
        flows = _cells(flows_14HW, CELL_PX // coarser) * (flow_px / CELL_PX)
        flow_01, flow_10 = flows[:, :2], flows[:, 2:]
        # Both directions at once; the other frame and its flow back are sampled together.
        here = torch.cat((torch.cat((i0, flow_01), dim=1), torch.cat((i1, flow_10), dim=1)))
        there = exact_warp(here.flip(0), here[:, 3:])
        errors = torch.cat((_difference(here[:, :3], there[:, :3]), _difference(i0, i1)))
        feather = feather_radius(i0_1CHW.shape[-2])
        means = box_mean(errors, feather)
        off, motion = _length_px(here[:, 3:] + there[:, 3:]), _length_px(here[:, 3:])
        inconsistency = off / (off + motion + LEAST_MOTION_PX)
        signs = _relative(means[:2], means[2:]) + inconsistency
        return cls(signs=signs, flows=flows, change=means[2:], feather=feather)

    def doubt(self) -> Tensor:
        """Return the doubt of the pair at the cells of its two source frames, [2, h, w], without a third sign."""
        return doubt_of(self.signs[:, 0] / 2)

    def doubt_at(self, t_B: Tensor, warped: Warped | None) -> Tensor:
        """Return the doubt of the frames at t, [B, h, w], given the source frames warped to each t, in (0, 1).

        Without these, it goes by the first two signs alone.
        """
        flow_t0, flow_t1 = intermediate_flows(self.flows, t_B)
        signs = (exact_warp(self.signs[:1], flow_t0) + exact_warp(self.signs[1:], flow_t1)) / 2
        if warped is None:
            return doubt_of(signs / 2)[:, 0]
        both_visible = _both_visible(_cells(warped.visibility_t0), t_B)
        disagreement = box_mean(_difference(_cells(warped.g0), _cells(warped.g1)) * both_visible, self.feather)
        return doubt_of((signs + _relative(disagreement, self.change)) / 3)[:, 0]


def _cells(image_BCHW: Tensor, size: int = CELL_PX) -> Tensor:
    """Return the means of all cells, of which those at the right and below may be incomplete."""
    means: Tensor = functional.avg_pool2d(image_BCHW, size, ceil_mode=True)
    return means


def without_padding(map_NHW: Tensor, height: int, width: int) -> Tensor:
    """Cut off the cells that a picture of this size does not have."""
    return map_NHW[..., : -(-height // CELL_PX), : -(-width // CELL_PX)]


def _length_px(flow_B2HW: Tensor) -> Tensor:
    """Return the length of a flow in cells, in pixels."""
    return CELL_PX * flow_B2HW.square().sum(dim=1, keepdim=True).sqrt()


def _both_visible(visibility_t0: Tensor, t_B: Tensor) -> Tensor:
    """Return 1 where both warped frames have half of the new frame, and 0 where one has all of it."""
    t_B111 = t_B[:, None, None, None]
    of_0, of_1 = (1 - t_B111) * visibility_t0, t_B111 * (1 - visibility_t0)
    share_0 = of_0 / (of_0 + of_1 + EPSILON)
    return 4 * share_0 * (1 - share_0)


def _difference(first_BCHW: Tensor, second_BCHW: Tensor) -> Tensor:
    """Return the mean absolute difference of the channels, [B, 1, H, W]."""
    return (first_BCHW - second_BCHW).abs().mean(dim=1, keepdim=True)


def _relative(error: Tensor, change: Tensor) -> Tensor:
    return error / (error + change + LEAST_CHANGE)


def feather_radius(height: int) -> int:
    """Return how many cells on either side of one a map is averaged over, for a picture of `height` lines."""
    return max(1, ceil(height * FEATHER_PX / FEATHER_LINES / CELL_PX / 2))


def box_mean(map_BCHW: Tensor, radius: int) -> Tensor:
    """Return the means over squares of 2 radius + 1 cells; beyond the border nothing is counted."""
    means: Tensor = functional.avg_pool2d(map_BCHW, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
    return means
