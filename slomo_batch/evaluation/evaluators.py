"""Evaluators: how published benchmarks measure an interpolated frame (which region, which SSIM, which IE)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from slomo_batch.evaluation.datasets.dataset import EvaluatorName
from slomo_batch.evaluation.measures import Rgb8, absolute_ie, mean_ie, psnr, rms_ie
from slomo_batch.evaluation.ssim import RADIUS, ssim, ssim_luma, ssim_sample, ssim_square, ssim_volume

MIN_BOX_PX = 10
"""Super SloMo's evaluator excludes sequences whose motion fits in a smaller box."""
MASK_MIDDLE = 128
"""Threshold between black and white in a mask; this level itself is neither."""

Mask = NDArray[np.uint8]
"""A motion mask, [H, W]."""
Region = Literal["whole", "black", "white"]
"""The whole frame, or the black or white part of the mask: PSNR and SSIM in its bounding box, IE on its pixels."""
Measure = Callable[[Rgb8, Rgb8], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMetrics:
    """The measurements of one frame by one evaluator; None if its rules exclude the frame."""

    psnr_db: float | None
    ssim: float | None
    ie: float | None


EXCLUDED = FrameMetrics(psnr_db=None, ssim=None, ie=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """The rules of one benchmark for measuring a frame."""

    region: Region
    ssim: Measure
    ie: Measure
    about: str
    """Description for the report."""


EVALUATORS: Mapping[EvaluatorName, Evaluator] = {
    "ladder": Evaluator(
        region="whole", ssim=ssim, ie=mean_ie, about="SSIM of Wang et al.; IE: mean color distance, in levels"
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
        about="SSIM with the window through the channels, as CAIN, RIFE and others; IE: mean color distance",
    ),
    "Super SloMo": Evaluator(
        region="whole",
        ssim=ssim_sample,
        ie=mean_ie,
        about="Super SloMo's evaluator on whole frames: SSIM with sample covariances; IE: mean color distance",
    ),
    "IE rms": Evaluator(
        region="whole",
        ssim=ssim_square,
        ie=rms_ie,
        about="SSIM of scikit-image's defaults; IE as Baker et al. define it: root mean square of the color distance",
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
        about="SSIM of scikit-image's defaults, as Niklaus and Liu; IE: mean color distance",
    ),
    "XVFI": Evaluator(
        region="whole", ssim=ssim_luma, ie=mean_ie, about="SSIM on luma, as XVFI; IE: mean color distance"
    ),
}


def measure_frame(evaluator: Evaluator, made: Rgb8, truth: Rgb8, mask: Mask | None) -> FrameMetrics:
    """Measure an interpolated frame with an evaluator.

    Raises:
        ValueError: the evaluator needs a mask of the size of the frame.
    """
    if evaluator.region == "whole":
        return FrameMetrics(psnr_db=psnr(made, truth), ssim=evaluator.ssim(made, truth), ie=evaluator.ie(made, truth))
    if mask is None or mask.shape != truth.shape[:2]:
        raise ValueError(f"the evaluator needs a mask of {truth.shape[:2]}, got {None if mask is None else mask.shape}")
    is_moving = mask < MASK_MIDDLE if evaluator.region == "black" else mask > MASK_MIDDLE
    return _measure_in_box(evaluator, made, truth, is_moving)


def _measure_in_box(evaluator: Evaluator, made: Rgb8, truth: Rgb8, is_moving: NDArray[np.bool_]) -> FrameMetrics:
    rows, columns = np.flatnonzero(is_moving.any(axis=1)), np.flatnonzero(is_moving.any(axis=0))
    if not len(rows):
        return EXCLUDED
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    made_box, truth_box = made[box], truth[box]
    side = min(made_box.shape[:2])
    if side < MIN_BOX_PX:
        return EXCLUDED
    return FrameMetrics(
        psnr_db=psnr(made_box, truth_box),
        ssim=evaluator.ssim(made_box, truth_box) if side > 2 * RADIUS else None,
        ie=evaluator.ie(made[is_moving], truth[is_moving]),
    )
