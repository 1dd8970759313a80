"""`matched`: a variant of Super SloMo without any step on the CPU, so that pictures stay on their device.

It has the paper's two U-Nets. The first corrects a flow that is found by matching features (`matching`); the second
refines flows from t that are splatted (`splat`), where the paper's equation 4 assumes that motion is the same at both
ends. Frames are warped and blended as those of `guided`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from slomo_batch.interpolators.superslomo.matching import (
    FeatureEncoder,
    FlowDecoder,
    better_of,
    coarse_flows,
    lucas_kanade,
    polished,
)
from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.propagation import propagated
from slomo_batch.interpolators.superslomo.regions import Region, region_of
from slomo_batch.interpolators.superslomo.splat import importance, splatted_flows
from slomo_batch.interpolators.superslomo.synthesis import (
    at_half_size,
    blend,
    half_size,
    net_input,
    pixel_unshuffle,
    refined,
)
from slomo_batch.interpolators.superslomo.unet import CompactUNet
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, intermediate_flows, upsample
from slomo_batch.plan.tiles import BYTES_PER_PX

SIZE_MULTIPLE = 16
"""Sides of half-size pictures must be multiples of this: a U-Net halves a quarter three times."""
SMALLEST_PX = 64
"""The smallest side of a half-size picture that is looked at in a smaller one too."""
CHANNELS = (16, 32, 64, 128)
"""Of both U-Nets, at 1/4 to 1/32 of the picture."""


def _polished(h0: Tensor, h1: Tensor, flows_B4HW: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return both flows polished, and their misfits."""
    flow_01, misfit_01 = polished(h0, h1, flows_B4HW[:, :2])
    flow_10, misfit_10 = polished(h1, h0, flows_B4HW[:, 2:])
    return torch.cat((flow_01, flow_10), dim=1), (misfit_01, misfit_10)


def _padded(image_BCHW: Tensor, multiple: int) -> Tensor:
    """Repeat the last rows and columns until both sides are multiples of `multiple`."""
    height, width = image_BCHW.shape[-2:]
    return functional.pad(image_BCHW, (0, -width % multiple, 0, -height % multiple), mode="replicate")


class Matched(Network):
    """The network: `enc` and `dec` find the flow, `fc` corrects it, `at` computes the frame at t.

    Flows are at a quarter of the resolution, in pixels of the half-size picture.
    """

    flow_px = 2.0
    bytes_per_px = BYTES_PER_PX["superslomo-matched"]

    def __init__(self, num_scales: int = 1, *, keeps_edges: bool = False) -> None:
        """Find flow at `num_scales` scales, each half as large as the one before.

        `keeps_edges`: at last, flow is propagated (`propagation`); where it lands (`splat`), flow that does not come
        back counts less, and gaps are filled from around too. So the edges of what moves are sharper.
        """
        super().__init__()
        self.num_scales = num_scales
        self.keeps_edges = keeps_edges
        self.enc = FeatureEncoder()
        self.dec = FlowDecoder()
        self.fc = CompactUNet(56, 6, CHANNELS, 3)
        self.at = CompactUNet(59, 8, CHANNELS, 3)
        for net in (self.fc, self.at):
            nn.init.zeros_(net.o.weight)
            nn.init.zeros_(net.o.bias)  # type: ignore[arg-type]  # CompactUNet has a bias

    def size_multiple(self) -> int:
        """Return the number that height and width must be multiples of."""
        return 2 * SIZE_MULTIPLE

    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor, *inputs: Tensor) -> Tensor:  # noqa: ARG002 there are none
        """Return the flow, [B, 4, H / 4, W / 4]."""
        h0, h1 = self.frame_inputs(i0_1CHW, i1_1CHW)
        return self._with_edges(h0, h1, self._flows_of_scales(h0, h1, self.num_scales))

    def _with_edges(self, h0: Tensor, h1: Tensor, flows_B4HW: Tensor) -> Tensor:
        """Propagate both flows, if this network does."""
        if not self.keeps_edges:
            return flows_B4HW
        both = torch.cat(flows_B4HW.chunk(2, dim=1))
        return torch.cat(propagated(torch.cat((h0, h1)), torch.cat((h1, h0)), both).chunk(2), dim=1)

    def _flows_of_scales(self, h0: Tensor, h1: Tensor, num_scales: int) -> Tensor:
        """Return the flow that is found at this scale, and where pictures fit better by it, that of smaller pictures.

        Smaller pictures show what moves far, or is so soft that its details are larger than the network looks for.
        """
        flows, misfits = _polished(h0, h1, self.flows_by_level(h0, h1)[-1])
        height, width = h0.shape[-2:]
        if num_scales == 1 or min(height, width) < SMALLEST_PX:
            return flows
        smaller_0, smaller_1 = (half_size(_padded(one, 2 * SIZE_MULTIPLE)) for one in (h0, h1))
        coarse = 2 * upsample(self._flows_of_scales(smaller_0, smaller_1, num_scales - 1), 2)
        coarse, misfits_of_coarse = _polished(h0, h1, coarse[..., : height // 2, : width // 2])
        pairs = zip(flows.chunk(2, dim=1), misfits, coarse.chunk(2, dim=1), misfits_of_coarse, strict=True)
        return torch.cat([better_of(*both) for both in pairs], dim=1)

    def flows_by_level(self, h0: Tensor, h1: Tensor) -> list[Tensor]:
        """Return the flow at 1/32, 1/16 and 1/8 as `coarse_flows`, then as `flows`, from pictures at half size."""
        seen_0, seen_1 = pixel_unshuffle(h0), pixel_unshuffle(h1)
        found = coarse_flows(self.enc, self.dec, seen_0, seen_1)
        flow_01, flow_10 = (4 * upsample(found[-1], 2)).chunk(2)
        w10, w01 = exact_warp(h1, flow_01), exact_warp(h0, flow_10)
        step_01, step_10 = lucas_kanade(h0, w10), lucas_kanade(h1, w01)
        flows = torch.cat((flow_01, flow_10), dim=1)
        x = torch.cat((net_input((h0, h1, w10, w01), (flows,)), step_01, step_10), dim=1)
        out: Tensor = self.fc(x)
        share = torch.sigmoid(out[:, 4:6])
        steps = torch.cat((share[:, :1] * step_01, share[:, 1:] * step_10), dim=1)
        return [*found, flows + steps + out[:, :4]]

    def polished(self, h0: Tensor, h1: Tensor, flows_B4HW: Tensor) -> Tensor:
        """Return the flow that frames are made with; while training, gradients pass as if it were the one given."""
        flows = flows_B4HW.detach()
        fine = self._with_edges(h0, h1, _polished(h0, h1, flows)[0])
        return flows_B4HW + (fine - flows) if flows_B4HW.requires_grad else fine

    def frame_inputs(self, i0_BCHW: Tensor, i1_BCHW: Tensor) -> tuple[Tensor, Tensor]:
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
        return self.refined(i0_BCHW, i1_BCHW, flows_B4HW, t_B, *inputs, region=region)[0]

    def blended(self, warped: Warped, t_B: Tensor) -> Tensor:
        """Return the frame at each t."""
        return blend(*warped, t_B)

    def refined(
        self,
        i0_BCHW: Tensor,
        i1_BCHW: Tensor,
        flows_B4HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> tuple[Warped, Tensor]:
        """Return the source frames warped to each t, and the flows from t to i0 and i1.

        Splatted flows come from all of the picture, also for a region.
        """
        halves = h0, h1 = inputs or self.frame_inputs(i0_BCHW, i1_BCHW)
        with torch.no_grad():
            weights = importance(h0, h1, flows_B4HW, comes_back=self.keeps_edges)
        fallback = intermediate_flows(flows_B4HW, t_B)
        moved = splatted_flows(flows_B4HW, weights, fallback, t_B, fills_gaps=self.keeps_edges)
        flow_t0, flow_t1, landed = (region_of(region, one, 4) for one in moved)
        pictures, begun = (i0_BCHW, i1_BCHW), (flow_t0, flow_t1)
        return refined(self.at, pictures, halves, begun, t_B, landed, between=flows_B4HW, region=region)
