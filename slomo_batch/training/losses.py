"""The loss, in named pieces; each is a mean over pixels, so that it does not change with the size of the crop."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.training.unrolled import Made, warped

CHARBONNIER = 1e-3
"""Where the loss turns from square to straight, of a range of 1: a quarter of a step of 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What each piece counts."""

    reconstruction: float = 10.0
    flow: float = 0.15
    flow_at_end: float = 0.3
    """Share of `flow` that is left at the last step; it falls in a straight line."""
    levels: tuple[float, ...] = (0.3, 0.3, 1.0)
    """Of the flow at each level of the pyramid, the finest last; coarser ones than these count as the first."""
    warping: float = 0.8
    smoothness: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the network should have made."""

    i0: Tensor
    """[B, 3, H, W], clean."""
    frame: Tensor
    i1: Tensor
    flows: Tensor
    """flow_01 and flow_10 at half resolution, in full-resolution pixels, [B, 4, H / 2, W / 2]."""
    has_flow: Tensor
    """[B]: 1 where `flows` is known, else 0."""


def charbonnier(made: Tensor, truth: Tensor) -> Tensor:
    """Mean of |made - truth|, smooth at nothing."""
    return torch.sqrt((made - truth).square() + CHARBONNIER**2).mean()


def flow_supervision(flows: Tensor, truth: Truth) -> Tensor:
    """Mean of |flow - true flow| in pixels of the level, over samples whose flow is known; nothing where none is."""
    shrink = truth.flows.shape[-1] // flows.shape[-1]
    target = functional.avg_pool2d(truth.flows, shrink) / shrink if shrink > 1 else truth.flows
    per_sample_B = (flows - target).abs().mean(dim=(1, 2, 3))
    return (per_sample_B * truth.has_flow).sum() / truth.has_flow.sum().clamp(min=1)


def level_losses(levels: Sequence[Tensor], truth: Truth, weights: Sequence[float]) -> Tensor:
    """Flow supervision of all levels, weighted."""
    padded = (weights[0],) * (len(levels) - len(weights)) + tuple(weights[-len(levels) :])
    pieces = [weight * flow_supervision(flows, truth) for weight, flows in zip(padded, levels, strict=True)]
    return torch.stack(pieces).sum()


def warping(made: Made, truth: Truth) -> Tensor:
    """How far the four warped frames are from what they should show, at half resolution."""
    i0, frame, i1 = (functional.avg_pool2d(image, 2) for image in (truth.i0, truth.frame, truth.i1))
    fine = made.flows[-1] / 2
    pieces = (
        charbonnier(warped(i1, fine[:, :2]), i0),
        charbonnier(warped(i0, fine[:, 2:]), i1),
        charbonnier(warped(i0, made.flow_t0 / 2), frame),
        charbonnier(warped(i1, made.flow_t1 / 2), frame),
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
        "flow": (weights.flow * flow_share, level_losses(made.flows, truth, weights.levels)),
        "warping": (weights.warping, warping(made, truth)),
        "smoothness": (weights.smoothness, smoothness(made.flows[-1])),
    }
    loss = torch.stack([weight * piece for weight, piece in pieces.values()]).sum()
    return loss, {name: float(piece.detach()) for name, (_, piece) in pieces.items()}
