"""The loss, in named pieces; each is a mean over pixels, so that it does not change with the size of the crop."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.guided import enlarged
from slomo_batch.interpolators.superslomo.warp import exact_warp

CHARBONNIER = 1e-3
"""Where the loss turns from square to straight, of a range of 1: a quarter of a step of 8 bits."""
LEAST_SQUARE = 1e-5
"""Square errors count in dB down to this one, 50 dB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What each piece counts."""

    reconstruction: float = 10.0
    decibels: float = 0.02
    flow: float = 0.15
    flow_at_end: float = 0.3
    """Share of `flow` that is left at the last step; it falls in a straight line."""
    warping: float = 0.8
    smoothness: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the network made of a batch."""

    frame: Tensor
    """[B, 3, H, W]."""
    flows: Tensor
    """flow_01 and flow_10, [B, 4, H / 4, W / 4], in pixels of the picture at half size."""
    flows_t: Tensor
    """From t to i0 and i1, likewise."""
    visibility_t0: Tensor
    """[B, 1, H, W], 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the network should have made."""

    i0: Tensor
    """[B, 3, H, W], clean."""
    frame: Tensor
    i1: Tensor
    flows: Tensor
    """As in Made."""
    has_flow: Tensor
    """[B]: 1 where `flows` is known, else 0."""


def charbonnier(made: Tensor, truth: Tensor) -> Tensor:
    """Mean of |made - truth|, smooth at nothing."""
    return torch.sqrt((made - truth).square() + CHARBONNIER**2).mean()


def decibels(made: Tensor, truth: Tensor) -> Tensor:
    """Mean over samples of 10 log10 of the mean square error: what is measured, the sign turned."""
    return 10 * torch.log10((made - truth).square().mean(dim=(1, 2, 3)) + LEAST_SQUARE).mean()


def flow_supervision(flows: Tensor, truth: Truth) -> Tensor:
    """Mean of |flow - true flow| in pixels at half size, over samples whose flow is known; nothing where none is."""
    per_sample_B = (flows - truth.flows).abs().mean(dim=(1, 2, 3))
    return (per_sample_B * truth.has_flow).sum() / truth.has_flow.sum().clamp(min=1)


def warping(made: Made, truth: Truth) -> Tensor:
    """How far the four warped frames are from what they should show, at half size."""
    i0, frame, i1 = (functional.avg_pool2d(image, 2) for image in (truth.i0, truth.frame, truth.i1))
    between, to = enlarged(made.flows, 2), enlarged(made.flows_t, 2)
    pieces = (
        charbonnier(exact_warp(i1, between[:, :2]), i0),
        charbonnier(exact_warp(i0, between[:, 2:]), i1),
        charbonnier(exact_warp(i0, to[:, :2]), frame),
        charbonnier(exact_warp(i1, to[:, 2:]), frame),
    )
    return torch.stack(pieces).sum()


def smoothness(flows: Tensor) -> Tensor:
    """Mean step of the flow from a pixel to the next, across and down."""
    across = (flows[..., 1:] - flows[..., :-1]).abs().mean()
    down = (flows[..., 1:, :] - flows[..., :-1, :]).abs().mean()
    return across + down


def total(made: Made, truth: Truth, weights: LossWeights, *, progress: float) -> tuple[Tensor, dict[str, float]]:
    """The loss at this share of the run, 0 to 1; and its pieces before weighting, for the record."""
    flow_share = 1 - progress * (1 - weights.flow_at_end)
    pieces = {
        "reconstruction": (weights.reconstruction, charbonnier(made.frame, truth.frame)),
        "decibels": (weights.decibels, decibels(made.frame, truth.frame)),
        "flow": (weights.flow * flow_share, flow_supervision(made.flows, truth)),
        "warping": (weights.warping, warping(made, truth)),
        "smoothness": (weights.smoothness, smoothness(made.flows)),
    }
    loss = torch.stack([weight * piece for weight, piece in pieces.values()]).sum()
    return loss, {name: float(piece.detach()) for name, (_, piece) in pieces.items()}
