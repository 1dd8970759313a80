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
from torch.nn import functional

from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.prior import FIRST, PriorSearch, find_prior
from slomo_batch.interpolators.superslomo.regions import Region, region_of
from slomo_batch.interpolators.superslomo.unet import CompactUNet
from slomo_batch.interpolators.superslomo.warp import Warped, exact_warp, intermediate_flows, upsample
from slomo_batch.plan.tiles import BYTES_PER_PX

MEAN = 0.45
"""Subtracted from RGB at the input of the nets."""
FLOW_UNIT_PX = 8.0
"""Unit of flow at the input of the nets, in pixels of the half-size picture."""
FLOW_STEP_PX = 1.0
"""Unit of both nets' corrections to flow, in pixels of the half-size picture."""
EPSILON = 1e-6


def pixel_unshuffle(image_BCHW: Tensor) -> Tensor:
    """Do what torch's function does by 2, [B, 4 C, H / 2, W / 2], twice as fast on a CPU."""
    corners = [image_BCHW[..., row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return torch.stack(corners, dim=2).flatten(1, 2)


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


def half_size(image_BCHW: Tensor) -> Tensor:
    """Downscale to half size by averaging 2x2 pixels, as torch's bilinear sampling at scale 1/2 does.

    On a CPU, sums of the four corners have the same bits as its sampling, and take a third of its time.
    """
    if image_BCHW.device.type != "cpu":
        return functional.interpolate(image_BCHW, scale_factor=0.5, mode="bilinear", align_corners=False)
    above, below = image_BCHW[..., ::2, :], image_BCHW[..., 1::2, :]
    total = above[..., ::2] + above[..., 1::2]
    return total.add_(below[..., ::2]).add_(below[..., 1::2]).mul_(0.25)


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
        i0, i1 = _at_half_size(i0_BCHW), _at_half_size(i1_BCHW)
        w10, w01 = exact_warp(i1, prior_B4HW[:, :2]), exact_warp(i0, prior_B4HW[:, 2:])
        change: Tensor = self.fc(net_input((i0, i1, w10, w01), (prior_B4HW,)))
        return prior_B4HW + FLOW_STEP_PX * change

    def frame_inputs(self, i0_BCHW: Tensor, i1_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Return the further inputs of `frames`, which do not depend on t: both pictures at half size."""
        with torch.no_grad():
            return _at_half_size(i0_BCHW), _at_half_size(i1_BCHW)

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
        flows_B4HW = region_of(region, flows_B4HW, 4)
        flow_t0, flow_t1 = intermediate_flows(flows_B4HW, t_B)
        i0, i1 = inputs or self.frame_inputs(i0_BCHW, i1_BCHW)
        half = region and region.divided(2)
        with torch.no_grad():
            w0, w1 = exact_warp(i0, flow_t0, region=half), exact_warp(i1, flow_t1, region=half)
        time_B1HW = t_B[:, None, None, None].expand(-1, 1, *flow_t0.shape[-2:])
        seen = region_of(half, i0), region_of(half, i1), w0, w1
        out: Tensor = self.at(net_input(seen, (flow_t0, flow_t1, flows_B4HW), time_B1HW))
        flow_t0 = flow_t0 + FLOW_STEP_PX * out[:, 0:2]
        flow_t1 = flow_t1 + FLOW_STEP_PX * out[:, 2:4]
        visibility_t0 = torch.sigmoid(upsample(functional.pixel_shuffle(out[:, 4:], 2), 2))
        g0 = exact_warp(i0_BCHW, 2 * flow_t0, "bicubic", region)
        g1 = exact_warp(i1_BCHW, 2 * flow_t1, "bicubic", region)
        return Warped(g0, g1, visibility_t0), torch.cat((flow_t0, flow_t1), dim=1)


def _at_half_size(image_BCHW: Tensor) -> Tensor:
    return half_size(image_BCHW) - MEAN


def net_input(images: tuple[Tensor, ...], flows: tuple[Tensor, ...], *more: Tensor) -> Tensor:
    """Return the input of a net: 48 channels of four pictures, the flows, and further channels."""
    parts = [pixel_unshuffle(image) for image in images]
    parts += [*(flow / FLOW_UNIT_PX for flow in flows), *more]
    num = max(len(part) for part in parts)
    return torch.cat([part.expand(num, -1, -1, -1) for part in parts], dim=1)


def blend(g0: Tensor, g1: Tensor, visibility_t0: Tensor, t_B: Tensor) -> Tensor:
    """Blend the warped frames by time and visibility, equation 1 of the paper."""
    t_B111 = t_B[:, None, None, None]
    weight_0, weight_1 = (1 - t_B111) * visibility_t0, t_B111 * (1 - visibility_t0)
    return torch.lerp(g1, g0, weight_0 / (weight_0 + weight_1 + EPSILON))
