"""Evaluators: how the benchmarks of the field judge a made frame. Which region, which SSIM, which error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from slomo_batch.evaluation.datasets.dataset import EvaluatorName
from slomo_batch.evaluation.measures import Samples, absolute_ie, mean_ie, psnr, rms_ie
from slomo_batch.evaluation.ssim import RADIUS, ssim, ssim_luma, ssim_sample, ssim_square, ssim_volume

MIN_BOX_PX = 10
"""Super SloMo's evaluator leaves sequences out whose motion is in a smaller box."""
MASK_MIDDLE = 128
"""Masks are black and white; the evaluator parts them here."""

Mask = NDArray[np.uint8]
"""A motion mask as it is stored, [H, W]."""
Region = Literal["whole", "black", "white"]
"""Whole frames; or where the motion mask is black, or white: PSNR and SSIM in the box around that, IE on it."""
Measure = Callable[[Samples, Samples], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What an evaluator says of one frame; None where its rules leave the frame out."""

    psnr_db: float | None
    ssim: float | None
    ie: float | None


LEFT_OUT = Likeness(psnr_db=None, ssim=None, ie=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """A way to judge frames."""

    region: Region
    ssim: Measure
    ie: Measure
    about: str
    """What it is, for whoever reads the numbers."""


EVALUATORS: Mapping[EvaluatorName, Evaluator] = {
    "ladder": Evaluator(
        region="whole", ssim=ssim, ie=mean_ie, about="SSIM of Wang et al.; IE: mean colour distance, in levels"
    ),
    "masks corrected": Evaluator(
        region="black",
        ssim=ssim_sample,
        ie=mean_ie,
        about="Super SloMo's evaluator, motion where the mask is black: PSNR and SSIM in its box, IE on it",
    ),
    "masks original": Evaluator(
        region="white",
        ssim=ssim_sample,
        ie=mean_ie,
        about="Super SloMo's evaluator before its correction, motion where the mask is white",
    ),
    "whole frames": Evaluator(
        region="whole",
        ssim=ssim_volume,
        ie=mean_ie,
        about="SSIM with the window through the channels, as CAIN, RIFE and others; IE: mean colour distance",
    ),
    "Super SloMo": Evaluator(
        region="whole",
        ssim=ssim_sample,
        ie=mean_ie,
        about="Super SloMo's evaluator on whole frames: SSIM with sample covariances; IE: mean colour distance",
    ),
    "IE rms": Evaluator(
        region="whole",
        ssim=ssim_square,
        ie=rms_ie,
        about="SSIM of scikit-image's defaults; IE as Baker et al. define it: root mean square of the colour distance",
    ),
    "IE absolute": Evaluator(
        region="whole",
        ssim=ssim_square,
        ie=absolute_ie,
        about="SSIM of scikit-image's defaults; IE as DAIN and RIFE publish it: mean absolute difference",
    ),
    "Niklaus": Evaluator(
        region="whole",
        ssim=ssim_square,
        ie=mean_ie,
        about="SSIM of scikit-image's defaults, as Niklaus and Liu; IE: mean colour distance",
    ),
    "XVFI": Evaluator(
        region="whole", ssim=ssim_luma, ie=mean_ie, about="SSIM on luma, as XVFI; IE: mean colour distance"
    ),
}


def judged(evaluator: Evaluator, made: Samples, truth: Samples, mask: Mask | None) -> Likeness:
    """What the evaluator says of a made frame.

    Raises:
        ValueError: it needs a mask, and there is none of the frame's size.
    """
    if evaluator.region == "whole":
        return Likeness(psnr_db=psnr(made, truth), ssim=evaluator.ssim(made, truth), ie=evaluator.ie(made, truth))
    if mask is None or mask.shape != truth.shape[:2]:
        raise ValueError(f"a mask of {truth.shape[:2]} is wanted, got {None if mask is None else mask.shape}")
    is_moving = mask < MASK_MIDDLE if evaluator.region == "black" else mask > MASK_MIDDLE
    return _in_box(evaluator, made, truth, is_moving)


def _in_box(evaluator: Evaluator, made: Samples, truth: Samples, is_moving: NDArray[np.bool_]) -> Likeness:
    rows, columns = np.flatnonzero(is_moving.any(axis=1)), np.flatnonzero(is_moving.any(axis=0))
    if not len(rows):
        return LEFT_OUT
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    made_box, truth_box = made[box], truth[box]
    side = min(made_box.shape[:2])
    if side < MIN_BOX_PX:
        return LEFT_OUT
    return Likeness(
        psnr_db=psnr(made_box, truth_box),
        ssim=evaluator.ssim(made_box, truth_box) if side > 2 * RADIUS else None,
        ie=evaluator.ie(made[is_moving], truth[is_moving]),
    )
