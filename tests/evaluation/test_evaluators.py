"""The region of a frame that a benchmark measures, and the frames it excludes."""

from math import log10, sqrt

import numpy as np
import pytest

from slomo_batch.evaluation.evaluators import EVALUATORS, EXCLUDED, measure_frame
from slomo_batch.evaluation.ssim import ssim_sample
from tests.evaluation.test_measures import beside, ramp

CORRECTED, ORIGINAL = EVALUATORS["masks corrected"], EVALUATORS["masks original"]


def masked(rows: slice, columns: slice) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A mask that is black in these rows and columns."""
    mask = np.full((40, 60), 255, np.uint8)
    mask[rows, columns] = 0
    return mask


def test_psnr_and_ssim_use_the_box_around_the_motion_and_ie_its_pixels() -> None:
    truth = ramp(40, 60)
    made = truth.copy()
    made[5:20, 10:30] ^= 1  # off by one level everywhere in the box
    made[8, 12] = truth[8, 12] ^ np.uint8(1)
    mask = masked(np.s_[5:20], np.s_[10:30])
    mask[6:19, 11:29] = 255  # a frame is black, what is within it white
    found = measure_frame(CORRECTED, made, truth, mask)
    assert found.psnr_db == pytest.approx(20 * log10(255))
    assert found.ssim == pytest.approx(ssim_sample(made[5:20, 10:30], truth[5:20, 10:30]))
    assert found.ie == pytest.approx(sqrt(3))
    made[6:19, 11:29] = truth[6:19, 11:29]
    assert measure_frame(CORRECTED, made, truth, mask).ie == pytest.approx(sqrt(3))
    outside = measure_frame(ORIGINAL, made, truth, mask)
    assert outside.ie == 0
    assert outside.psnr_db == pytest.approx(
        10 * log10(255**2 * 40 * 60 / (15 * 20 - 13 * 18))
    )  # the box around what is white is the picture


def test_small_boxes_and_empty_masks_are_excluded() -> None:
    made, truth = beside(ramp(40, 60), 3), ramp(40, 60)
    assert measure_frame(CORRECTED, made, truth, masked(np.s_[0:0], np.s_[0:0])) == EXCLUDED
    assert measure_frame(CORRECTED, made, truth, masked(np.s_[0:9], np.s_[0:60])) == EXCLUDED
    assert measure_frame(CORRECTED, made, truth, masked(np.s_[0:30], np.s_[51:60])) == EXCLUDED
    ten = measure_frame(CORRECTED, made, truth, masked(np.s_[0:10], np.s_[0:60]))
    assert ten.psnr_db is not None
    assert ten.ssim is None  # the window does not fit
    assert measure_frame(CORRECTED, made, truth, masked(np.s_[0:11], np.s_[0:11])).ssim is not None


def test_gray_in_a_mask_is_neither_black_nor_white() -> None:
    gray = np.full((40, 60), 128, np.uint8)
    assert measure_frame(CORRECTED, ramp(40, 60), ramp(40, 60), gray) == EXCLUDED
    assert measure_frame(ORIGINAL, ramp(40, 60), ramp(40, 60), gray) == EXCLUDED


def test_a_missing_mask_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a mask of"):
        measure_frame(CORRECTED, ramp(40, 60), ramp(40, 60), None)
