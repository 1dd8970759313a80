"""The paper's network, with all conventions of the public checkpoint.

They come from avinashpaliwal/Super-SloMo at 544802b (model.py, video_to_slomo.py), trained with PyTorch 0.4.1, whose
grid_sample aligned corners. The weights were trained with these quirks, so they are kept.
"""

import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.regions import Region, region_of
from slomo_batch.interpolators.superslomo.unet import PaperUNet
from slomo_batch.interpolators.superslomo.warp import Warped, intermediate_flows, warp
from slomo_batch.plan.tiles import BYTES_PER_PX

MEAN_RGB = (0.429, 0.431, 0.397)
"""Mean of the training set, Adobe240, which is subtracted from RGB inputs (video_to_slomo.py)."""


class Paper(Network):
    """The network: `fc` computes the flows of a pair, `at` their corrections and the visibility at each t."""

    flow_px = 1.0
    bytes_per_px = BYTES_PER_PX["superslomo-paper"]

    def __init__(self) -> None:
        super().__init__()
        self.fc = PaperUNet(6, 4)
        self.at = PaperUNet(20, 5)

    def size_multiple(self) -> int:
        """Return the number that height and width must be multiples of: the U-Nets halve five times."""
        return 32

    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor, *_: Tensor) -> Tensor:
        """Return flow_01 and flow_10, [B, 4, H, W], in pixels."""
        flows_14HW: Tensor = self.fc(_subtract_mean(torch.cat((i0_1CHW, i1_1CHW), dim=1)))
        return flows_14HW

    def frame_inputs(self, i0_1CHW: Tensor, i1_1CHW: Tensor) -> tuple[Tensor, ...]:
        """Return the further inputs of `frames`, which do not depend on t: the pictures without their mean."""
        return _subtract_mean(i0_1CHW), _subtract_mean(i1_1CHW)

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
        num = len(t_B)
        i0, i1 = (seen.expand(num, -1, -1, -1) for seen in inputs or self.frame_inputs(i0_1CHW, i1_1CHW))
        flows_14HW = region_of(region, flows_14HW)
        flow_t0, flow_t1 = intermediate_flows(flows_14HW, t_B)
        # The channel order of the checkpoint: flow_t1 before flow_t0, and g1 before g0.
        shared = (region_of(region, i0), region_of(region, i1), flows_14HW.expand(num, -1, -1, -1))
        warped = paper_warp(i1, flow_t1, region), paper_warp(i0, flow_t0, region)
        out = self.at(torch.cat((*shared, flow_t1, flow_t0, *warped), dim=1))
        g0 = paper_warp(i0, flow_t0.add_(out[:, 0:2]), region)
        g1 = paper_warp(i1, flow_t1.add_(out[:, 2:4]), region)
        return Warped(g0, g1, torch.sigmoid(out[:, 4:5]))

    def blended(self, warped: Warped, t_B: Tensor) -> Tensor:
        """Return the frame at each t; the warped frames are overwritten."""
        return _blend(*warped, t_B).add_(_mean(warped.g0))


def _mean(image_BCHW: Tensor) -> Tensor:
    """Return the mean as [1, C, 1, 1], for one picture or two concatenated along the channels.

    It is filled in on the device: a copy from the CPU would wait for the device.
    """
    channels = [image_BCHW.new_full((1, 1, 1, 1), mean) for mean in MEAN_RGB]
    return torch.cat(channels * (image_BCHW.shape[1] // 3), dim=1)


def _subtract_mean(image_BCHW: Tensor) -> Tensor:
    return image_BCHW - _mean(image_BCHW)


def paper_warp(image_BCHW: Tensor, flow_B2HW: Tensor, region: Region | None = None) -> Tensor:
    """Apply backWarp of the reference, as used in its training (model.py, with PyTorch 0.4.1's grid_sample).

    Columns are normalized by W, but corner-aligned sampling expects W - 1, so it samples up to a pixel short of where
    the flow points. Outside the picture it samples zero, which is the mean color.
    """
    height, width = image_BCHW.shape[-2:]
    return warp(image_BCHW, flow_B2HW, columns=width, rows=height, outside="zeros", region=region)


def _blend(g0: Tensor, g1: Tensor, visibility_t0: Tensor, t_B: Tensor) -> Tensor:
    """Blend the warped frames, equation 1 of the paper. The weights are never both zero, since 0 < t < 1."""
    t_B111 = t_B[:, None, None, None]
    weight_0 = (1 - t_B111) * visibility_t0
    weight_1 = t_B111 * (1 - visibility_t0)
    total = weight_0 + weight_1
    return g0.mul_(weight_0).add_(g1.mul_(weight_1)).div_(total)
