"""`guided`: a variant of Super SloMo that starts from a classical optical flow (the prior flow).

It has the paper's two U-Nets, intermediate flows and synthesis, with two differences. The flow net corrects a flow from
dense inverse search, so it need not find large motion itself; the weights state how to search. Both nets see half-size
pictures, which a pixel_unshuffle halves again. Frames are warped at full resolution with bicubic sampling, which keeps
detail that bilinear sampling blurs. With both last layers at zero, the frames are those of the prior flow with equal
visibility.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.prior import FIRST, PriorSearch, find_prior
from slomo_batch.interpolators.superslomo.regions import Region, region_of
from slomo_batch.interpolators.superslomo.synthesis import (
    FLOW_STEP_PX,
    at_half_size,
    blend,
    half_size,
    net_input,
    refined,
)
from slomo_batch.interpolators.superslomo.unet import CompactUNet
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, intermediate_flows
from slomo_batch.plan.tiles import BYTES_PER_PX


@dataclass(frozen=True, slots=True)
class UNetShape:
    """The widths and the first kernel of both U-Nets."""

    channels: tuple[int, int, int, int] = (32, 64, 96, 128)
    """Channels at each resolution, finest first: from 1/4 to 1/32 of the picture."""
    first_kernel: int = 5
    """Kernel size of the first convolution, odd."""

    @property
    def is_valid(self) -> bool:
        """Whether a network of this shape can exist."""
        return min(self.channels) > 0 and self.first_kernel > 0 and self.first_kernel % 2 == 1

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "UNetShape":
        """Return the shape of these weights; the default one if they are not weights of `Guided`."""
        found = [tensors.get(key) for key in ("fc.c0.0.weight", *(f"fc.d.{depth}.0.weight" for depth in range(3)))]
        sizes = [tensor.shape for tensor in found if isinstance(tensor, Tensor) and tensor.ndim == 4]
        if len(sizes) != 4:
            return cls()
        fine, half, quarter, coarse = (size[0] for size in sizes)
        shape = cls((fine, half, quarter, coarse), sizes[0][-1])
        return shape if shape.is_valid else cls()


def prior_flows(i0_1CHW: Tensor, i1_1CHW: Tensor, search: PriorSearch = FIRST) -> Tensor:
    """Estimate flow_01 and flow_10, [1, 4, H / 4, W / 4], in pixels of the half-size picture.

    Args:
        i0_1CHW: RGB 0 to 1, height and width multiples of 4, on any device, to which the flow is returned.
        i1_1CHW: the next source frame, likewise.
        search: how.
    """
    return find_prior(search, half_size(i0_1CHW), half_size(i1_1CHW))


class Guided(Network):
    """The network: `fc` corrects the prior flow, `at` computes the frame at t.

    Flows are at a quarter of the resolution, in pixels of the half-size picture.
    """

    flow_px = 2.0
    bytes_per_px = BYTES_PER_PX["superslomo-guided"]

    def __init__(self, shape: UNetShape | None = None, prior: PriorSearch = FIRST) -> None:
        super().__init__()
        self.prior = prior
        shape = shape or UNetShape()
        self.fc = CompactUNet(52, 4, shape.channels, shape.first_kernel)
        self.at = CompactUNet(57, 8, shape.channels, shape.first_kernel)

    def zero_last_layers(self) -> None:
        """Set both last layers to zero, so that frames are those of the prior flow."""
        for net in (self.fc, self.at):
            nn.init.zeros_(net.o.weight)
            nn.init.zeros_(net.o.bias)  # type: ignore[arg-type]  # CompactUNet has a bias

    def size_multiple(self) -> int:
        """Return the number that height and width must be multiples of.

        Pictures are halved once for the nets, once by the unshuffle, and three times by a U-Net.
        """
        return 32

    def flow_inputs(self, i0_1CHW: Tensor, i1_1CHW: Tensor) -> tuple[Tensor, ...]:
        """Return the further input of `flows`: the prior flow."""
        return (prior_flows(i0_1CHW, i1_1CHW, self.prior),)

    def flows(self, i0_BCHW: Tensor, i1_BCHW: Tensor, *inputs: Tensor) -> Tensor:
        """Return the corrected prior flow, [B, 4, H / 4, W / 4]. The prior flow is its only further input."""
        (prior_B4HW,) = inputs
        i0, i1 = at_half_size(i0_BCHW), at_half_size(i1_BCHW)
        w10, w01 = exact_warp(i1, prior_B4HW[:, :2]), exact_warp(i0, prior_B4HW[:, 2:])
        change: Tensor = self.fc(net_input((i0, i1, w10, w01), (prior_B4HW,)))
        return prior_B4HW + FLOW_STEP_PX * change

    def frame_inputs(self, i0_BCHW: Tensor, i1_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Return the further inputs of `frames`, which do not depend on t: both pictures at half size."""
        with torch.no_grad():
            return at_half_size(i0_BCHW), at_half_size(i1_BCHW)

    def warped(
        self,
        i0_BCHW: Tensor,
        i1_BCHW: Tensor,
        flows_B4HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> Warped:
        """Return the source frames warped to each t."""
        return self._refined(i0_BCHW, i1_BCHW, flows_B4HW, t_B, *inputs, region=region)[0]

    def blended(self, warped: Warped, t_B: Tensor) -> Tensor:
        """Return the frame at each t."""
        return blend(*warped, t_B)

    def synthesis(
        self, i0_BCHW: Tensor, i1_BCHW: Tensor, flows_B4HW: Tensor, t_B: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the frames, the flows from t to i0 and i1 (as `flows_B4HW`), and the visibility of i0, [B, 1, H, W].

        Pictures and flows have one entry per t, or one for all.
        """
        warped, flows_t = self._refined(i0_BCHW, i1_BCHW, flows_B4HW, t_B)
        return self.blended(warped, t_B), flows_t, warped.visibility_t0

    def _refined(
        self,
        i0_BCHW: Tensor,
        i1_BCHW: Tensor,
        flows_B4HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> tuple[Warped, Tensor]:
        """Return the source frames warped to each t, and the flows from t to i0 and i1."""
        moved = intermediate_flows(region_of(region, flows_B4HW, 4), t_B)
        halves = inputs or self.frame_inputs(i0_BCHW, i1_BCHW)
        return refined(self.at, (i0_BCHW, i1_BCHW), halves, moved, t_B, between=flows_B4HW, region=region)
