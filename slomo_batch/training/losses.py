"""The training loss: a weighted sum of named terms, each a mean over pixels and thus independent of the crop size.

A term of weight 0 is not computed. Pictures are RGB, 0 to 1; for flows see `Prediction`. Means over samples are defined
so that the mean of all workers' losses equals the loss of one worker with all samples.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.warp import exact_warp, upsample

CHARBONNIER = 1e-3
"""Epsilon of the Charbonnier penalty for RGB 0 to 1: a quarter of an 8-bit level."""

MIN_MSE = 1e-5
"""Added to the mean square error, which limits `decibels` to 50 dB."""

Penalty = Callable[[Tensor, Tensor], Tensor]
"""Mean difference of two pictures."""
Warp = Callable[[Tensor, Tensor], Tensor]
"""Backward-warps a picture by a flow."""
Term = Callable[[], Tensor]
Compare = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""Named differences of two pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weight of each term; 0: it is not computed."""

    penalty: Literal["charbonnier", "l1"] = "charbonnier"
    """Penalty in the terms reconstruction, laplacian and warping."""
    pixel_range: float = 1.0
    """Value of white in reconstruction, laplacian and warping. With 255, the paper's scale, its weights 0.8 and 0.4
    correspond to the 204 and 102 of the public code, whose samples are 0 to 1."""
    reconstruction: float = 10.0
    decibels: float = 0.02
    laplacian: float = 0.0
    census: float = 0.0
    perceptual: float = 0.0
    """Needs `vgg16`; off if that is empty."""
    style: float = 0.0
    """Likewise."""
    vgg16: str = ""
    """Weights for `perceptual` and `style`: path of torchvision's VGG16 (.pth or .safetensors); or st-lpips: those in
    the package stlpips-pytorch 0.0.2, which must be installed."""
    flow: float = 0.15
    flow_at_end: float = 0.3
    """Factor on `flow` at the last step; it falls linearly from 1."""
    warping: float = 0.8
    smoothness: float = 0.01
    levels: float = 0.0
    """Of the flow at each level of `matched`, in samples with known flow."""
    flow_t: float = 0.0
    """Of the flow from t, in samples with known flow."""
    taught: float = 0.0
    """Of the flow from t, where the teacher's frame is better."""
    guided: float = 0.0
    """Of the flow, where the frames fit better by that of the guide, in samples with unknown flow."""
    visibility: float = 0.0
    """Of the visibility, where one of the two frames hides what is seen at t, in samples with known flow."""


def has_any_term(weights: LossWeights) -> bool:
    """Return whether the loss has a term that compares the prediction with a target."""
    pictures = (weights.reconstruction, weights.decibels, weights.laplacian, weights.census, weights.warping)
    flows = (weights.flow, weights.levels, weights.flow_t, weights.taught, weights.guided, weights.visibility)
    named = (*pictures, *flows)
    return any(named) or bool((weights.perceptual or weights.style) and weights.vgg16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The network's output for a batch."""

    frame: Tensor
    """The predicted frame at t, [B, 3, H, W]."""
    flows: Tensor
    """flow_01 and flow_10, [B, 4, h, w], at the resolution of the flow network."""
    flows_t: Tensor
    """Flows from t to i0 and to i1, likewise."""
    visibility_t0: Tensor
    """Visibility of i0 at t, [B, 1, H, W], 0 to 1."""
    unit_px: int = 2
    """Picture pixels per unit of flow: `guided` measures flow in pixels of the half-size picture."""
    warp: Warp = exact_warp
    """The network's backward warp."""
    levels: tuple[Tensor, ...] = ()
    """The flow at each level of `matched`, coarse to fine, [2 B, 2, h, w], in pixels of the level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The ground truth of a batch."""

    i0: Tensor
    """[B, 3, H, W], clean."""
    frame: Tensor
    """The true frame at t, likewise."""
    i1: Tensor
    flows: Tensor
    """flow_01 and flow_10, [B, 4, H / 4, W / 4], in pixels of the half-size picture."""
    has_flow: Tensor
    """[B]: 1 if `flows` is known for the sample, else 0."""
    num_flows: Tensor
    """Number of samples with known flow, averaged over all workers; may be a fraction."""
    motion: "TrueMotion | None" = None
    """Only of samples for `matched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueMotion:
    """What samples for `matched` know of the motion at t."""

    flows_t: Tensor
    """From t to i0 and i1, like `Target.flows`; the teacher's where it is not known."""
    visible: Tensor
    """Of i0 and i1, [B, 2, H / 2, W / 2]."""
    taught_error: Tensor
    """Of the teacher's frame, [B, 1, H / 4, W / 4]; infinite where there is none."""
    guide: Tensor
    """The guide's flow, like `Target.flows`."""


# ---- pictures --------------------------------------------------------------------------------------------------------


def charbonnier(made: Tensor, truth: Tensor) -> Tensor:
    """Mean of sqrt((made - truth)^2 + CHARBONNIER^2), a smooth |made - truth|."""
    return torch.sqrt((made - truth).square() + CHARBONNIER**2).mean()


def l1(made: Tensor, truth: Tensor) -> Tensor:
    """Mean of |made - truth|."""
    return (made - truth).abs().mean()


PENALTIES: dict[str, Penalty] = {"charbonnier": charbonnier, "l1": l1}


def decibels(made: Tensor, truth: Tensor) -> Tensor:
    """Mean over samples of 10 log10 of the mean square error, which is the negated PSNR."""
    return 10 * torch.log10((made - truth).square().mean(dim=(1, 2, 3)) + MIN_MSE).mean()


LAPLACIAN_LEVELS = 5
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def laplacian(made: Tensor, truth: Tensor, penalty: Penalty = l1, num_levels: int = LAPLACIAN_LEVELS) -> Tensor:
    """Difference of two Laplacian pyramids; level n has weight 2^n, and the last level is the low-pass residual.

    Source: Bojanowski et al., Optimizing the Latent Space of Generative Networks (2018); weights as Niklaus and Liu,
    Context-aware Synthesis for Video Frame Interpolation (2018). A small picture has fewer levels.
    """
    terms = []
    for level in range(num_levels - 1):
        if min(made.shape[-2:]) < 8:  # reflection padding needs more pixels than the filter radius
            break
        smooth_made, smooth_truth = _blur(made), _blur(truth)
        terms.append(2**level * penalty(made - smooth_made, truth - smooth_truth))
        made, truth = smooth_made[..., ::2, ::2], smooth_truth[..., ::2, ::2]
    terms.append(2 ** len(terms) * penalty(made, truth))
    return torch.stack(terms).sum()


def _blur(image_BCHW: Tensor) -> Tensor:
    """Apply a 5x5 binomial filter."""
    channels = image_BCHW.shape[1]
    row_5 = image_BCHW.new_tensor(_BINOMIAL)
    across = functional.pad(image_BCHW, (2, 2, 2, 2), mode="reflect")
    across = functional.conv2d(across, row_5[None, None, None].expand(channels, 1, 1, 5), groups=channels)
    return functional.conv2d(across, row_5[None, None, :, None].expand(channels, 1, 5, 1), groups=channels)


CENSUS_PATCH = 7
_CENSUS_NOISE = 0.81
"""Squared soft threshold in 8-bit levels between equal and brighter or darker neighbors."""
_CENSUS_HALF = 0.1
"""Squared difference of two census values at which the soft Hamming distance is 1/2."""
_LUMA = (0.299, 0.587, 0.114)


def census(made: Tensor, truth: Tensor, patch: int = CENSUS_PATCH) -> Tensor:
    """Soft Hamming distance of ternary census transforms, which are invariant to brightness; 0 to 1.

    Source: Meister et al., UnFlow (2018). Only patches inside the picture count.
    """
    distance = (_census_transform(made, patch) - _census_transform(truth, patch)).square()
    return (distance / (_CENSUS_HALF + distance)).mean() * patch**2 / (patch**2 - 1)


def _census_transform(image_BCHW: Tensor, patch: int) -> Tensor:
    """Compare each pixel of a patch with its center: -1 (darker) to 1 (brighter), [B, patch^2, pixels]."""
    luma_B1HW = (image_BCHW * image_BCHW.new_tensor(_LUMA)[:, None, None]).sum(dim=1, keepdim=True) * 255
    around = functional.unfold(luma_B1HW, patch)
    steps = around - around[:, patch**2 // 2 : patch**2 // 2 + 1]
    return steps / torch.sqrt(_CENSUS_NOISE + steps.square())


# ---- flow ------------------------------------------------------------------------------------------------------------


def flow_supervision(made: Prediction, truth: Target) -> Tensor:
    """Mean of |flow - true flow| in half-size pixels, over samples with known flow; 0 if there are none.

    A flow of finer resolution than the true flow is averaged down to it.
    """
    finer = made.flows.shape[-1] // truth.flows.shape[-1]
    flows = functional.avg_pool2d(made.flows, finer) if finer > 1 else made.flows
    per_sample_B = (flows * (made.unit_px / 2) - truth.flows).abs().mean(dim=(1, 2, 3))
    return (per_sample_B * truth.has_flow).sum() / torch.where(truth.num_flows > 0, truth.num_flows, 1)


LEVEL_WEIGHTS = (0.32, 0.16, 0.16, 0.5)
"""Of the flow at 1/32, 1/16 and 1/8 of the resolution, and of that which follows from them."""
FLOW_CORNER = 1e-2
"""Lengths of errors in flow below this, in half-size pixels, count as their squares do."""
MOST_TAUGHT_PX = 20.0
"""The longest difference from the teacher's flow that counts."""
BETTER = 0.95
"""The teacher's frame is better where its error, in a neighborhood, is less than this share of the network's."""
MOST_GUIDED_PX = 4.0
"""The longest difference from the guide's flow that counts: it is followed for its accuracy below a pixel."""
FITS_BETTER = 0.97
"""Frames fit better by the guide's flow where their difference is less than this share of that by the network's."""
HIDDEN = 0.9
"""One frame hides what is seen at t where visibilities differ by this much."""
KNOWN_PX = 100.0
"""Added to the number of pixels with known visibility, so that a few of them do not count too much."""


def endpoint_error(flow_B2HW: Tensor, true_B2HW: Tensor) -> Tensor:
    """Length of the difference, [B, 1, H, W], smooth at 0."""
    return torch.sqrt((flow_B2HW - true_B2HW).square().sum(dim=1, keepdim=True) + FLOW_CORNER**2)


def _of_known(error_B1HW: Tensor, truth: Target) -> Tensor:
    """Mean over samples with known flow; 0 if there are none."""
    return (error_B1HW.mean(dim=(1, 2, 3)) * truth.has_flow).sum() / torch.where(
        truth.num_flows > 0, truth.num_flows, 1
    )


def levels(made: Prediction, truth: Target) -> Tensor:
    """Weighted sum of the endpoint errors of the flow at each level, and of the flow itself, in half-size pixels."""
    both = torch.cat((truth.flows[:, :2], truth.flows[:, 2:]))
    found = (*made.levels, torch.cat((made.flows[:, :2], made.flows[:, 2:])))
    terms = []
    for weight, flow in zip(LEVEL_WEIGHTS, found, strict=True):
        coarser = both.shape[-1] // flow.shape[-1]
        unit_px = 2 * coarser if coarser > 1 else 1  # the flow itself is in half-size pixels
        error = endpoint_error(flow * unit_px, functional.avg_pool2d(both, coarser))
        first, second = error.chunk(2)
        terms.append(weight * (_of_known(first, truth) + _of_known(second, truth)) / 2)
    return torch.stack(terms).sum()


def flow_t_supervision(made: Prediction, truth: Target, motion: TrueMotion) -> Tensor:
    """Mean endpoint errors of the flows from t to i0 and to i1, in half-size pixels, over samples with known flow."""
    error_0 = endpoint_error(made.flows_t[:, :2], motion.flows_t[:, :2])
    return _of_known(error_0 + endpoint_error(made.flows_t[:, 2:], motion.flows_t[:, 2:]), truth)


def taught(made: Prediction, truth: Target, motion: TrueMotion) -> Tensor:
    """Mean difference from the teacher's flows from t, where its frame is better, over samples with unknown flow."""
    error = functional.avg_pool2d((made.frame.detach() - truth.frame).abs().mean(dim=1, keepdim=True), 4)
    is_better = _around(motion.taught_error) < BETTER * _around(error)
    away = endpoint_error(made.flows_t[:, :2], motion.flows_t[:, :2])
    away = (away + endpoint_error(made.flows_t[:, 2:], motion.flows_t[:, 2:])).clamp(max=MOST_TAUGHT_PX)
    unknown_B = 1 - truth.has_flow
    counted = (away * is_better).mean(dim=(1, 2, 3)) * unknown_B
    return counted.sum() / _num_unknown(truth)


def guided(made: Prediction, truth: Target, motion: TrueMotion) -> Tensor:
    """Mean difference from the guide's flow, where the frames fit better by it, over samples with unknown flow."""
    i0, i1 = (_at_size_of_unit(image, made.unit_px) for image in (truth.i0, truth.i1))
    unknown_B = 1 - truth.has_flow
    total = made.flows.new_zeros(())
    for first, seen, other in ((0, i0, i1), (2, i1, i0)):
        ours, theirs = made.flows[:, first : first + 2], motion.guide[:, first : first + 2]
        is_better = _misfit(seen, made.warp(other, theirs)) < FITS_BETTER * _misfit(
            seen, made.warp(other, ours.detach())
        )
        away = endpoint_error(ours, theirs).clamp(max=MOST_GUIDED_PX)
        total = total + ((away * is_better).mean(dim=(1, 2, 3)) * unknown_B).sum()
    return total / _num_unknown(truth)


def _num_unknown(truth: Target) -> Tensor:
    """Samples with unknown flow, the mean over all workers; 1 if there are none."""
    num = len(truth.has_flow) - truth.num_flows
    return torch.where(num > 0, num, 1)


def _misfit(image_BCHW: Tensor, warped_BCHW: Tensor) -> Tensor:
    """Mean difference in a neighborhood, at half of their resolution."""
    apart = functional.avg_pool2d((image_BCHW - warped_BCHW).abs().mean(dim=1, keepdim=True), 2)
    return functional.avg_pool2d(apart, 3, 1, 1, count_include_pad=False)


def _around(x_B1HW: Tensor) -> Tensor:
    return functional.avg_pool2d(x_B1HW, 5, 1, 2, count_include_pad=False)


def visibility_supervision(made: Prediction, truth: Target, motion: TrueMotion) -> Tensor:
    """Mean cross entropy of the visibility, where one of the frames hides what is seen at t."""
    seen = functional.avg_pool2d(made.visibility_t0, 2)
    in_0, in_1 = motion.visible[:, :1], motion.visible[:, 1:]
    is_known = ((in_0 - in_1).abs() > HIDDEN) * truth.has_flow[:, None, None, None]
    entropy = functional.binary_cross_entropy(seen, in_0, reduction="none")
    return (entropy * is_known).sum() / (is_known.sum() + KNOWN_PX)


def warping(made: Prediction, truth: Target, penalty: Penalty = charbonnier) -> Tensor:
    """The paper's warping loss: the sum of the differences of four warped frames from their targets.

    Pictures are taken at the size in whose pixels flow is measured.
    """
    i0, frame, i1 = (_at_size_of_unit(image, made.unit_px) for image in (truth.i0, truth.frame, truth.i1))
    factor = frame.shape[-1] // made.flows.shape[-1]
    between, to = (upsample(flows, factor) if factor > 1 else flows for flows in (made.flows, made.flows_t))
    terms = (
        penalty(made.warp(i1, between[:, :2]), i0),
        penalty(made.warp(i0, between[:, 2:]), i1),
        penalty(made.warp(i0, to[:, :2]), frame),
        penalty(made.warp(i1, to[:, 2:]), frame),
    )
    return torch.stack(terms).sum()


def _at_size_of_unit(image_BCHW: Tensor, unit_px: int) -> Tensor:
    return functional.avg_pool2d(image_BCHW, unit_px) if unit_px > 1 else image_BCHW


def smoothness(flows: Tensor) -> Tensor:
    """Mean absolute difference of flow between adjacent pixels, horizontal plus vertical."""
    across = (flows[..., 1:] - flows[..., :-1]).abs().mean()
    down = (flows[..., 1:, :] - flows[..., :-1, :]).abs().mean()
    return across + down


# ---- all together ----------------------------------------------------------------------------------------------------


def total_loss(
    made: Prediction, truth: Target, weights: LossWeights, *, progress: float, vgg: Compare | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss, and its terms before weighting for the log.

    Args:
        made: the output of the network.
        truth: the ground truth.
        weights: the weights of the terms.
        progress: share of the run that is done, 0 to 1.
        vgg: returns the terms perceptual and style of two pictures; None: they are off.
    """
    penalty, scale = PENALTIES[weights.penalty], weights.pixel_range
    flow_share = 1 - progress * (1 - weights.flow_at_end)
    terms: dict[str, tuple[float, Term]] = {
        "reconstruction": (weights.reconstruction * scale, lambda: penalty(made.frame, truth.frame)),
        "decibels": (weights.decibels, lambda: decibels(made.frame, truth.frame)),
        "laplacian": (weights.laplacian * scale, lambda: laplacian(made.frame, truth.frame, penalty)),
        "census": (weights.census, lambda: census(made.frame, truth.frame)),
        "flow": (weights.flow * flow_share, lambda: flow_supervision(made, truth)),
        "warping": (weights.warping * scale, lambda: warping(made, truth, penalty)),
        "smoothness": (weights.smoothness, lambda: smoothness(made.flows)),
    }
    if truth.motion is not None:
        motion = truth.motion
        terms |= {
            "levels": (weights.levels, lambda: levels(made, truth)),
            "flow_t": (weights.flow_t, lambda: flow_t_supervision(made, truth, motion)),
            "taught": (weights.taught, lambda: taught(made, truth, motion)),
            "guided": (weights.guided, lambda: guided(made, truth, motion)),
            "visibility": (weights.visibility, lambda: visibility_supervision(made, truth, motion)),
        }
    if vgg is not None:
        seen = cache(partial(vgg, made.frame, truth.frame))
        terms |= {
            "perceptual": (weights.perceptual, lambda: seen()["perceptual"]),
            "style": (weights.style, lambda: seen()["style"]),
        }
    computed = {name: (weight, term()) for name, (weight, term) in terms.items() if weight}
    loss = torch.stack([weight * term for weight, term in computed.values()]).sum()
    return loss, {name: term.detach() for name, (_, term) in computed.items()}
