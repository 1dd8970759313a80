"""The loss, in named pieces; each is a mean over pixels, so that it does not change with the size of the crop.

A piece of weight 0 is not computed. Pictures are RGB, 0 to 1; flows are as `Made` says. Means over samples are such
that the mean of all workers' losses is the loss of one worker that has all their samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.warp import exact_warp, upsample

CHARBONNIER = 1e-3
"""Where that penalty turns from square to straight, of a range of 1: a quarter of a step of 8 bits."""

LEAST_SQUARE = 1e-5
"""Square errors count in dB down to this one, 50 dB."""

Penalty = Callable[[Tensor, Tensor], Tensor]
"""Mean difference of two pictures."""
Warp = Callable[[Tensor, Tensor], Tensor]
"""A picture fetched where a flow points."""
Piece = Callable[[], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What each piece counts; 0: it is not computed."""

    penalty: Literal["charbonnier", "l1"] = "charbonnier"
    """How reconstruction, laplacian and warping measure the difference of two pictures."""
    pixel_range: float = 1.0
    """Largest sample that reconstruction, laplacian and warping count in. 255 is the paper's scale: its weights 0.8 and
    0.4 are the 204 and 102 that its public code writes for samples up to 1."""
    reconstruction: float = 10.0
    decibels: float = 0.02
    laplacian: float = 0.0
    census: float = 0.0
    perceptual: float = 0.0
    """Needs `vgg16`, without which it is off."""
    vgg16: str = ""
    """Path of torchvision's weights of VGG16, as .pth or .safetensors, for `perceptual`."""
    flow: float = 0.15
    flow_at_end: float = 0.3
    """Share of `flow` that is left at the last step; it falls in a straight line."""
    warping: float = 0.8
    smoothness: float = 0.01


def has_any(weights: LossWeights) -> bool:
    """Whether some piece is computed from what every sample has."""
    named = (weights.reconstruction, weights.decibels, weights.laplacian, weights.census, weights.warping, weights.flow)
    return any(named) or bool(weights.perceptual and weights.vgg16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the network made of a batch."""

    frame: Tensor
    """[B, 3, H, W]."""
    flows: Tensor
    """flow_01 and flow_10, [B, 4, h, w], at the resolution at which the network finds them."""
    flows_t: Tensor
    """From t to i0 and i1, likewise."""
    visibility_t0: Tensor
    """[B, 1, H, W], 0 to 1."""
    unit_px: int = 2
    """Pixels of the picture that 1 of flow stands for: `guided` counts in pixels of the picture at half size."""
    warp: Warp = exact_warp
    """How the network fetches a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the network should have made."""

    i0: Tensor
    """[B, 3, H, W], clean."""
    frame: Tensor
    i1: Tensor
    flows: Tensor
    """flow_01 and flow_10, [B, 4, H / 4, W / 4], in pixels of the picture at half size."""
    has_flow: Tensor
    """[B]: 1 where `flows` is known, else 0."""
    num_flows: Tensor
    """Samples whose flow is known: the mean over all workers, a fraction where they have different numbers of them."""


# ---- pictures --------------------------------------------------------------------------------------------------------


def charbonnier(made: Tensor, truth: Tensor) -> Tensor:
    """Mean of |made - truth|, smooth at nothing."""
    return torch.sqrt((made - truth).square() + CHARBONNIER**2).mean()


def l1(made: Tensor, truth: Tensor) -> Tensor:
    """Mean of |made - truth|."""
    return (made - truth).abs().mean()


PENALTIES: dict[str, Penalty] = {"charbonnier": charbonnier, "l1": l1}


def decibels(made: Tensor, truth: Tensor) -> Tensor:
    """Mean over samples of 10 log10 of the mean square error: what is measured, the sign turned."""
    return 10 * torch.log10((made - truth).square().mean(dim=(1, 2, 3)) + LEAST_SQUARE).mean()


LAPLACIAN_LEVELS = 5
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def laplacian(made: Tensor, truth: Tensor, penalty: Penalty = l1, num_levels: int = LAPLACIAN_LEVELS) -> Tensor:
    """Difference of two Laplacian pyramids; the level n counts 2^n, the last being what is left at that resolution.

    Source: Bojanowski et al., Optimizing the Latent Space of Generative Networks (2018); weights as Niklaus and Liu,
    Context-aware Synthesis for Video Frame Interpolation (2018). A small picture ends with the level it allows.
    """
    pieces = []
    for level in range(num_levels - 1):
        if min(made.shape[-2:]) < 8:  # reflected borders need more pixels than the filter reaches
            break
        smooth_made, smooth_truth = _smoothed(made), _smoothed(truth)
        pieces.append(2**level * penalty(made - smooth_made, truth - smooth_truth))
        made, truth = smooth_made[..., ::2, ::2], smooth_truth[..., ::2, ::2]
    pieces.append(2 ** len(pieces) * penalty(made, truth))
    return torch.stack(pieces).sum()


def _smoothed(image_BCHW: Tensor) -> Tensor:
    """Binomial filter of five by five."""
    channels = image_BCHW.shape[1]
    row_5 = image_BCHW.new_tensor(_BINOMIAL)
    across = functional.pad(image_BCHW, (2, 2, 2, 2), mode="reflect")
    across = functional.conv2d(across, row_5[None, None, None].expand(channels, 1, 1, 5), groups=channels)
    return functional.conv2d(across, row_5[None, None, :, None].expand(channels, 1, 5, 1), groups=channels)


CENSUS_PATCH = 7
_CENSUS_NOISE = 0.81
"""Squared levels of 8 bits at which a neighbour counts as half brighter or darker."""
_CENSUS_HALF = 0.1
"""Squared difference of two signs that counts half."""
_LUMA = (0.299, 0.587, 0.114)


def census(made: Tensor, truth: Tensor, patch: int = CENSUS_PATCH) -> Tensor:
    """Soft Hamming distance of ternary census transforms: which neighbours are brighter, whatever the brightness.

    Source: Meister et al., UnFlow (2018). Neighbours are those within the picture; 0 to 1.
    """
    distance = (_signs(made, patch) - _signs(truth, patch)).square()
    return (distance / (_CENSUS_HALF + distance)).mean() * patch**2 / (patch**2 - 1)


def _signs(image_BCHW: Tensor, patch: int) -> Tensor:
    """How much brighter each neighbour is than its centre, -1 to 1, [B, patch^2, pixels]; that of the centre is 0."""
    luma_B1HW = (image_BCHW * image_BCHW.new_tensor(_LUMA)[:, None, None]).sum(dim=1, keepdim=True) * 255
    around = functional.unfold(luma_B1HW, patch)
    steps = around - around[:, patch**2 // 2 : patch**2 // 2 + 1]
    return steps / torch.sqrt(_CENSUS_NOISE + steps.square())


# ---- flow ------------------------------------------------------------------------------------------------------------


def flow_supervision(made: Made, truth: Truth) -> Tensor:
    """Mean of |flow - true flow| in pixels at half size, over samples whose flow is known; nothing where none is.

    A flow found at a finer resolution than the true one is known at is brought to that.
    """
    finer = made.flows.shape[-1] // truth.flows.shape[-1]
    flows = functional.avg_pool2d(made.flows, finer) if finer > 1 else made.flows
    per_sample_B = (flows * (made.unit_px / 2) - truth.flows).abs().mean(dim=(1, 2, 3))
    return (per_sample_B * truth.has_flow).sum() / torch.where(truth.num_flows > 0, truth.num_flows, 1)


def warping(made: Made, truth: Truth, penalty: Penalty = charbonnier) -> Tensor:
    """How far the four warped frames are from what they should show, at the size in whose pixels flow is counted."""
    i0, frame, i1 = (_at_size_of_unit(image, made.unit_px) for image in (truth.i0, truth.frame, truth.i1))
    factor = frame.shape[-1] // made.flows.shape[-1]
    between, to = (upsample(flows, factor) if factor > 1 else flows for flows in (made.flows, made.flows_t))
    pieces = (
        penalty(made.warp(i1, between[:, :2]), i0),
        penalty(made.warp(i0, between[:, 2:]), i1),
        penalty(made.warp(i0, to[:, :2]), frame),
        penalty(made.warp(i1, to[:, 2:]), frame),
    )
    return torch.stack(pieces).sum()


def _at_size_of_unit(image_BCHW: Tensor, unit_px: int) -> Tensor:
    return functional.avg_pool2d(image_BCHW, unit_px) if unit_px > 1 else image_BCHW


def smoothness(flows: Tensor) -> Tensor:
    """Mean step of the flow from a pixel to the next, across and down."""
    across = (flows[..., 1:] - flows[..., :-1]).abs().mean()
    down = (flows[..., 1:, :] - flows[..., :-1, :]).abs().mean()
    return across + down


# ---- all together ----------------------------------------------------------------------------------------------------


def total(
    made: Made, truth: Truth, weights: LossWeights, *, progress: float, perceptual: Penalty | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss at this share of the run, 0 to 1; and its pieces before weighting, for the record.

    Args:
        made: what the network made.
        truth: what it should have made.
        weights: of the pieces.
        progress: share of the run that is done.
        perceptual: that piece, of two pictures; None: off.
    """
    penalty, scale = PENALTIES[weights.penalty], weights.pixel_range
    flow_share = 1 - progress * (1 - weights.flow_at_end)
    pieces: dict[str, tuple[float, Piece]] = {
        "reconstruction": (weights.reconstruction * scale, lambda: penalty(made.frame, truth.frame)),
        "decibels": (weights.decibels, lambda: decibels(made.frame, truth.frame)),
        "laplacian": (weights.laplacian * scale, lambda: laplacian(made.frame, truth.frame, penalty)),
        "census": (weights.census, lambda: census(made.frame, truth.frame)),
        "flow": (weights.flow * flow_share, lambda: flow_supervision(made, truth)),
        "warping": (weights.warping * scale, lambda: warping(made, truth, penalty)),
        "smoothness": (weights.smoothness, lambda: smoothness(made.flows)),
    }
    if perceptual is not None:
        looked_at = perceptual
        pieces["perceptual"] = (weights.perceptual, lambda: looked_at(made.frame, truth.frame))
    found = {name: (weight, piece()) for name, (weight, piece) in pieces.items() if weight}
    loss = torch.stack([weight * piece for weight, piece in found.values()]).sum()
    return loss, {name: piece.detach() for name, (_, piece) in found.items()}
