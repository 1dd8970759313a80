"""Propagation: a flow vector is replaced by 0, or by one from nearby, where the pictures fit better by that.

Flow that is found by comparing neighborhoods reaches over the edges of what moves, by as much as a neighborhood is
wide; behind an edge the right vector is near, but not there. It is looked for at a few distances in four directions, as
PatchMatch does (Barnes et al., SIGGRAPH 2009, section 3.2), for all pixels at once. What stands still before something
that moves, as a caption does, is often smaller than a neighborhood, so 0 is tried everywhere.
"""

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.matching import misfit

DISTANCES = (4, 1)
"""In vectors."""
BETTER = 0.95
"""A vector from nearby is taken if its misfit is below this share of that of the vector so far,"""
STILL = 0.5
"""and 0 if it is below this: it is no likelier here than anywhere."""
LEAST = 0.001
"""Either must be less by at least this, of colors from 0 to 1: less is noise."""


@torch.no_grad()
def propagated(i0_BCHW: Tensor, i1_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """Return the flow of i0, each vector of which may have been replaced by 0 or by one from nearby.

    Args:
        i0_BCHW: RGB.
        i1_BCHW: RGB.
        flow_B2HW: the flow from i0 to i1 at half of their resolution, in their pixels.
    """
    least_B1HW = misfit(i0_BCHW, i1_BCHW, flow_B2HW)

    def better(other_B2HW: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Return the flow, or the other where its misfit is below this share, and the misfit."""
        misfit_of_other = misfit(i0_BCHW, i1_BCHW, other_B2HW)
        is_better = misfit_of_other < share * least_B1HW - LEAST
        return torch.where(is_better, other_B2HW, flow_B2HW), torch.where(is_better, misfit_of_other, least_B1HW)

    flow_B2HW, least_B1HW = better(torch.zeros_like(flow_B2HW), STILL)
    for distance in DISTANCES:
        for down, right in ((0, distance), (0, -distance), (distance, 0), (-distance, 0)):
            flow_B2HW, least_B1HW = better(_moved(flow_B2HW, down, right), BETTER)
    return flow_B2HW


def _moved(x_BCHW: Tensor, down: int, right: int) -> Tensor:
    """Move what is in the picture; its border is repeated."""
    height, width = x_BCHW.shape[-2:]
    padding = max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)
    top, left = max(-down, 0), max(-right, 0)
    return functional.pad(x_BCHW, padding, mode="replicate")[..., top : top + height, left : left + width]
