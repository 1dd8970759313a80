"""Flow by matching learned features, from coarse to fine: 1/32, 1/16 and 1/8 of the resolution, with shared weights.

At each level the features of one picture are compared with those of the other, warped by the flow so far, at shifts of
up to two pixels. The softmax of the comparisons proposes a step; a few convolutions accept or correct it (a small
relative of PWC-Net, Sun et al., CVPR 2018, sections 3.1 to 3.3).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from slomo_batch.interpolators.superslomo.means import mean_around, mean_of_2x2, wide_mean
from slomo_batch.interpolators.superslomo.median import median_3x3
from slomo_batch.interpolators.superslomo.unet import cast_to, leaky_relu
from slomo_batch.interpolators.superslomo.warp import exact_warp, upsample

FEATURES = 32
"""Features that are compared, at each level."""
ENCODER_CHANNELS = (24, 32, 48, 64)
"""Channels of the encoder at 1/4 to 1/32 of the resolution."""
DECODER_CHANNELS = (40, 32, 24)
RADIUS = 2
"""Most pixels of a shift, across and down."""
FLOW_UNIT_PX = 4.0
"""Unit of flow at the input of the decoder, in pixels of the level."""


class FeatureEncoder(nn.Module):
    """Features of a picture at three resolutions. At each pixel they have mean 0 and variance 1."""

    def __init__(self) -> None:
        super().__init__()
        fine, c8, c16, c32 = ENCODER_CHANNELS
        self.e2 = nn.Conv2d(12, fine, 3, padding=1)
        self.e3 = nn.Conv2d(fine, c8, 3, stride=2, padding=1)
        self.e3b = nn.Conv2d(c8, c8, 3, padding=1)
        self.e4 = nn.Conv2d(c8, c16, 3, stride=2, padding=1)
        self.e4b = nn.Conv2d(c16, c16, 3, padding=1)
        self.e5 = nn.Conv2d(c16, c32, 3, stride=2, padding=1)
        self.e5b = nn.Conv2d(c32, c32, 3, padding=1)
        self.p = nn.ModuleList(nn.Conv2d(channels, FEATURES, 1) for channels in (c8, c16, c32))

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        """Return features at 1/8, 1/16 and 1/32 of the resolution, in fp32; x is at 1/4, with 12 channels."""
        x4 = leaky_relu(self.e2(cast_to(x_BCHW, self.e2)))
        x8 = leaky_relu(self.e3b(leaky_relu(self.e3(x4))))
        x16 = leaky_relu(self.e4b(leaky_relu(self.e4(x8))))
        x32 = leaky_relu(self.e5b(leaky_relu(self.e5(x16))))
        return [_normal(project(x).float()) for project, x in zip(self.p, (x8, x16, x32), strict=True)]


def _normal(x_BCHW: Tensor) -> Tensor:
    return functional.layer_norm(x_BCHW.permute(0, 2, 3, 1), x_BCHW.shape[1:2]).permute(0, 3, 1, 2)


def correlation(a_BCHW: Tensor, b_BCHW: Tensor) -> Tensor:
    """Return the mean product of features at each shift of b, row by row, [B, (2 RADIUS + 1)^2, H, W]."""
    height, width = a_BCHW.shape[-2:]
    padded = functional.pad(b_BCHW, (RADIUS,) * 4)
    size = 2 * RADIUS + 1
    shifted = (
        padded[:, :, down : down + height, right : right + width] for down in range(size) for right in range(size)
    )
    return torch.stack([(a_BCHW * one).mean(dim=1) for one in shifted], dim=1)


class FlowDecoder(nn.Module):
    """Improves the flow at one level; the same for all levels."""

    shifts: Tensor

    def __init__(self) -> None:
        super().__init__()
        c1, c2, c3 = DECODER_CHANNELS
        size = 2 * RADIUS + 1
        self.c1 = nn.Conv2d(size**2 + FEATURES + 4, c1, 3, padding=1)
        self.c2 = nn.Conv2d(c1, c2, 3, padding=1)
        self.c3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.o = nn.Conv2d(c3, 3, 3, padding=1)
        self.sharp = nn.Parameter(torch.tensor(2.3))
        """Logarithm of what comparisons are multiplied with in the softmax."""
        nn.init.zeros_(self.o.weight)
        nn.init.zeros_(self.o.bias)  # type: ignore[arg-type]  # a convolution has a bias
        side = [float(px) for px in range(-RADIUS, RADIUS + 1)]
        across, down = [dx for _ in side for dx in side], [dy for dy in side for _ in side]
        shifts_2K = torch.tensor([across, down])  # torch.stack on the meta device loads torch._dynamo, in 2 s
        self.register_buffer("shifts", shifts_2K, persistent=False)

    def forward(self, a_BCHW: Tensor, b_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
        """Return the improved flow from a to b, in pixels of the level, given features and the flow so far."""
        compared = correlation(a_BCHW, exact_warp(b_BCHW, flow_B2HW))
        likely = torch.softmax(compared * self.sharp.float().exp(), dim=1)
        step = torch.stack([(likely * shift_K[:, None, None]).sum(dim=1) for shift_K in self.shifts.float()], dim=1)
        x = cast_to(torch.cat((compared, a_BCHW, flow_B2HW / FLOW_UNIT_PX, step), dim=1), self.c1)
        out: Tensor = self.o(leaky_relu(self.c3(leaky_relu(self.c2(leaky_relu(self.c1(x)))))))
        out = out.float()
        return flow_B2HW + torch.sigmoid(out[:, 2:] + 1) * step + out[:, :2]


def coarse_flows(encoder: FeatureEncoder, decoder: FlowDecoder, i0_BCHW: Tensor, i1_BCHW: Tensor) -> list[Tensor]:
    """Return flow_01 and flow_10, stacked, [2 B, 2, h, w], at 1/32, 1/16 and 1/8, in pixels of each level.

    Args:
        encoder: makes features.
        decoder: improves the flow at each level.
        i0_BCHW: i0 at 1/4 of the resolution, with 12 channels.
        i1_BCHW: i1 likewise.
    """
    num = len(i0_BCHW)
    found: list[Tensor] = []
    for features in reversed(encoder(torch.cat((i0_BCHW, i1_BCHW)))):
        others = torch.cat((features[num:], features[:num]))
        flow = 2 * upsample(found[-1], 2) if found else features.new_zeros(2 * num, 2, *features.shape[-2:])
        found.append(decoder(features, others, flow))
    return found


DAMPING = 2e-5
"""Added to the squares of gradients, so that the step is short where the picture is flat."""
MOST_PX = 1.5
"""The longest step, across and down."""


@torch.no_grad()
def polished(i0_BCHW: Tensor, i1_BCHW: Tensor, flow_B2HW: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flow of i0 after one more step and a median over 3x3 vectors, wherever i1 fits better by it.

    Beside it, return its misfit.

    Args:
        i0_BCHW: RGB.
        i1_BCHW: RGB.
        flow_B2HW: the flow from i0 to i1 at half of their resolution, in their pixels.
    """
    warped = exact_warp(i1_BCHW, flow_B2HW)
    better = median_3x3(flow_B2HW + lucas_kanade(i0_BCHW, warped))
    before, after = _difference(i0_BCHW, warped), misfit(i0_BCHW, i1_BCHW, better)
    is_better = after < before
    return torch.where(is_better, better, flow_B2HW), torch.where(is_better, after, before)


def misfit(i0_BCHW: Tensor, i1_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """Return how far i1 differs from i0 by the flow, mean over 6x6 pixels, [B, 1, H / 2, W / 2]; see `polished`."""
    return _difference(i0_BCHW, exact_warp(i1_BCHW, flow_B2HW))


def _difference(a_BCHW: Tensor, b_BCHW: Tensor) -> Tensor:
    return _mean_around((a_BCHW - b_BCHW).abs().mean(dim=1, keepdim=True))


CLEARLY_BETTER = 0.9
"""A flow fits clearly better than another where its misfit is less than this share of the other's."""
WIDE = 9
"""Side of the neighborhood in which misfits of two flows are compared, in vectors."""


def better_of(flow_B2HW: Tensor, misfit_B1HW: Tensor, other_B2HW: Tensor, misfit_of_other_B1HW: Tensor) -> Tensor:
    """Return a flow, and another where that fits clearly better in a wide neighborhood; misfits are of `polished`."""
    is_better = wide_mean(misfit_of_other_B1HW, WIDE) < CLEARLY_BETTER * wide_mean(misfit_B1HW, WIDE)
    return torch.where(is_better, other_B2HW, flow_B2HW)


def _luma(image_BCHW: Tensor) -> Tensor:
    """Of BT.601, [B, 1, H, W]."""
    return 0.299 * image_BCHW[:, 0:1] + 0.587 * image_BCHW[:, 1:2] + 0.114 * image_BCHW[:, 2:3]


def lucas_kanade(i0_BCHW: Tensor, warped_BCHW: Tensor) -> Tensor:
    """Return what to add to the flow of i0, [B, 2, H / 2, W / 2], in pixels: one step of Lucas and Kanade (IJCAI 1981).

    Args:
        i0_BCHW: RGB.
        warped_BCHW: i1, warped by the flow so far.
    """
    a, b = _luma(i0_BCHW), _luma(warped_BCHW)
    middle, change = (a + b) / 2, b - a
    across = functional.pad((middle[..., 2:] - middle[..., :-2]) / 2, (1, 1, 0, 0), mode="replicate")
    down = functional.pad((middle[..., 2:, :] - middle[..., :-2, :]) / 2, (0, 0, 1, 1), mode="replicate")
    xx, xy, yy = (
        _mean_around(across * across) + DAMPING,
        _mean_around(across * down),
        _mean_around(down * down) + DAMPING,
    )
    dx, dy = _mean_around(change * across), _mean_around(change * down)
    determinant = xx * yy - xy * xy
    step_B2HW = torch.cat(((xy * dy - yy * dx) / determinant, (xy * dx - xx * dy) / determinant), dim=1)
    return step_B2HW.clamp(-MOST_PX, MOST_PX)


def _mean_around(x_B1HW: Tensor) -> Tensor:
    """Mean over 6x6 pixels around every second pixel."""
    return mean_around(mean_of_2x2(x_B1HW))
