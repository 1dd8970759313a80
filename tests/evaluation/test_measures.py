"""PSNR and interpolation error, against values computed by hand and by scikit-image."""

import math

import numpy as np
import pytest

from slomo_batch.evaluation.measures import MAX_PSNR_DB, Rgb8, absolute_ie, color_distances, mean_ie, psnr, rms_ie


def noise(seed: int, height: int, width: int) -> Rgb8:
    return np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ramp(height: int, width: int) -> Rgb8:
    y, x = np.mgrid[:height, :width]
    return np.stack((x * 3 % 256, y * 5 % 256, (x + y) * 2 % 256), axis=2).astype(np.uint8)


def beside(samples: Rgb8, seed: int) -> Rgb8:
    off = noise(seed, *samples.shape[:2]).astype(int) % 21 - 10
    near: Rgb8 = np.clip(samples + off, 0, 255).astype(np.uint8)
    return near


BY_SCIKIT_IMAGE = {
    "noise": (noise(1, 40, 52), noise(2, 40, 52), 7.7007462373898345),
    "a ramp and noise": (ramp(33, 47), beside(ramp(33, 47), 3), 32.59832381841692),
    "a ramp shifted": (ramp(64, 80), np.roll(ramp(64, 80), 3, axis=1), 17.579314709785162),
    "the smallest": (ramp(11, 11), noise(4, 11, 11), 5.876478955357065),
}
"""Two frames, and peak_signal_noise_ratio of scikit-image 0.26.0 with data_range 255."""


@pytest.mark.parametrize("name", BY_SCIKIT_IMAGE)
def test_psnr_agrees_with_scikit_image(name: str) -> None:
    made, truth, psnr_db = BY_SCIKIT_IMAGE[name]
    assert psnr(made, truth) == pytest.approx(psnr_db, rel=1e-12)


def test_psnr_by_hand() -> None:
    truth = np.full((4, 5, 3), 100, np.uint8)
    assert psnr(truth + np.uint8(1), truth) == pytest.approx(20 * math.log10(255))
    one = truth.copy()
    one[2, 3, 1] = 110
    assert psnr(one, truth) == pytest.approx(10 * math.log10(255**2 / (100 / 60)))
    assert psnr(np.zeros_like(truth), np.full_like(truth, 255)) == 0


def test_interpolation_errors_by_hand() -> None:
    truth = np.full((2, 2, 3), 100, np.uint8)
    made = truth.copy()
    made[0, 0] = 103, 96, 100  # a color distance of 5
    made[1, 1] = 100, 100, 88  # of 12
    assert color_distances(made, truth).tolist() == [[5, 0], [0, 12]]
    assert mean_ie(made, truth) == (5 + 12) / 4
    assert rms_ie(made, truth) == pytest.approx(math.sqrt((25 + 144) / 4))
    assert absolute_ie(made, truth) == pytest.approx((3 + 4 + 12) / 12)


def test_equal_frames_have_the_largest_psnr_and_no_error() -> None:
    frame = noise(5, 20, 30)
    assert psnr(frame, frame.copy()) == MAX_PSNR_DB
    assert mean_ie(frame, frame.copy()) == 0


def test_differences_do_not_wrap_around() -> None:
    low, high = np.zeros((12, 12, 3), np.uint8), np.full((12, 12, 3), 200, np.uint8)
    assert psnr(low, high) == psnr(high, low) == pytest.approx(20 * math.log10(255 / 200))


def test_frames_of_different_shape_are_rejected() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        psnr(ramp(12, 12), ramp(12, 13))
