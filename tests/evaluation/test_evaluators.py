"""Where a benchmark looks at a frame, and what it leaves out."""

from math import log10, sqrt

import numpy as np
import pytest

from slomo_batch.evaluation.evaluators import EVALUATORS, LEFT_OUT, judged
from slomo_batch.evaluation.ssim import ssim_sample
from tests.evaluation.test_measures import beside, ramp

CORRECTED, ORIGINAL = EVALUATORS["masks corrected"], EVALUATORS["masks original"]


def masked(rows: slice, columns: slice) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A mask that is black there."""
    mask = np.full((40, 60), 255, np.uint8)
    mask[rows, columns] = 0
    return mask


def test_psnr_and_ssim_are_of_the_box_around_the_motion_and_ie_of_the_motion_alone() -> None:
    truth = ramp(40, 60)
    made = truth.copy()
    made[5:20, 10:30] ^= 1  # off by one level everywhere in the box
    made[8, 12] = truth[8, 12] ^ np.uint8(1)
    mask = masked(np.s_[5:20], np.s_[10:30])
    mask[6:19, 11:29] = 255  # a frame is black, what is within it white
    found = judged(CORRECTED, made, truth, mask)
    assert found.psnr_db == pytest.approx(20 * log10(255))
    assert found.ssim == pytest.approx(ssim_sample(made[5:20, 10:30], truth[5:20, 10:30]))
    assert found.ie == pytest.approx(sqrt(3))
    made[6:19, 11:29] = truth[6:19, 11:29]
    assert judged(CORRECTED, made, truth, mask).ie == pytest.approx(sqrt(3))
    outside = judged(ORIGINAL, made, truth, mask)
    assert outside.ie == 0
    assert outside.psnr_db == pytest.approx(
        10 * log10(255**2 * 40 * 60 / (15 * 20 - 13 * 18))
    )  # the box around what is white is the picture


def test_small_boxes_and_empty_masks_are_left_out() -> None:
    made, truth = beside(ramp(40, 60), 3), ramp(40, 60)
    assert judged(CORRECTED, made, truth, masked(np.s_[0:0], np.s_[0:0])) == LEFT_OUT
    assert judged(CORRECTED, made, truth, masked(np.s_[0:9], np.s_[0:60])) == LEFT_OUT
    assert judged(CORRECTED, made, truth, masked(np.s_[0:30], np.s_[51:60])) == LEFT_OUT
    ten = judged(CORRECTED, made, truth, masked(np.s_[0:10], np.s_[0:60]))
    assert ten.psnr_db is not None
    assert ten.ssim is None  # the window does not fit
    assert judged(CORRECTED, made, truth, masked(np.s_[0:11], np.s_[0:11])).ssim is not None


def test_grey_in_a_mask_is_neither() -> None:
    grey = np.full((40, 60), 128, np.uint8)
    assert judged(CORRECTED, ramp(40, 60), ramp(40, 60), grey) == LEFT_OUT
    assert judged(ORIGINAL, ramp(40, 60), ramp(40, 60), grey) == LEFT_OUT


def test_a_mask_that_is_wanted_and_not_there_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a mask of"):
        judged(CORRECTED, ramp(40, 60), ramp(40, 60), None)
