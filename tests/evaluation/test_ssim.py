"""Every SSIM variant, against scikit-image and against torch's 3D convolution."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.evaluation.measures import Rgb8
from slomo_batch.evaluation.ssim import ssim, ssim_luma, ssim_sample, ssim_square, ssim_volume
from tests.evaluation.test_measures import beside, noise, ramp

PAIRS = {
    "noise": (noise(1, 40, 52), noise(2, 40, 52)),
    "a ramp and noise": (ramp(33, 47), beside(ramp(33, 47), 3)),
    "a ramp shifted": (ramp(64, 80), np.roll(ramp(64, 80), 3, axis=1)),
    "the smallest": (ramp(11, 11), noise(4, 11, 11)),
}
BY_SCIKIT_IMAGE = {
    "noise": (-0.01726987206297777, -0.017316493558083502, -0.009985287079748181, 0.013934918723392373),
    "a ramp and noise": (0.7669689788246196, 0.7661850541836825, 0.8122385005338789, 0.8789875900683781),
    "a ramp shifted": (0.9700053319193329, 0.9699797978546743, 0.9590318028450308, 0.9517866233940323),
    "the smallest": (-0.0023551602445401137, -0.0023844641227979513, 0.0007830943827378405, -0.017876421260445516),
}
"""structural_similarity of scikit-image 0.26.0 with channel_axis 2, data_range 255, gaussian_weights and sigma 1.5,
first without use_sample_covariance, then with it; then with its defaults; then with its defaults on BT.601 luma with
the range of the interpolated frame."""


@pytest.mark.parametrize("name", PAIRS)
def test_every_variant_agrees_with_scikit_image(name: str) -> None:
    made, truth = PAIRS[name]
    found = [measure(made, truth) for measure in (ssim, ssim_sample, ssim_square, ssim_luma)]
    assert found == pytest.approx(BY_SCIKIT_IMAGE[name], abs=1e-12)


def by_torch(made: Rgb8, truth: Rgb8) -> float:
    """The published volume SSIM: three-dimensional convolutions after replicating 5 border samples."""
    line = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    line /= line.sum()
    window = torch.einsum("c,y,x->cyx", line, line, line)[None, None]

    def means(volume: Tensor) -> Tensor:
        return functional.conv3d(functional.pad(volume, (5,) * 6, mode="replicate"), window)

    x, y = (torch.from_numpy(samples).double().permute(2, 0, 1)[None, None] for samples in (made, truth))
    mean_x, mean_y = means(x), means(y)
    variances = means(x * x) - mean_x**2 + means(y * y) - mean_y**2
    covariance = means(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    places = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
    return float(places.mean())


@pytest.mark.parametrize("name", PAIRS)
def test_the_volume_agrees_with_convolutions_in_three_dimensions(name: str) -> None:
    assert ssim_volume(*PAIRS[name]) == pytest.approx(by_torch(*PAIRS[name]), abs=1e-10)


def test_flat_pictures_by_hand() -> None:
    dark, bright = np.full((16, 16, 3), 50, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    by_hand = (2 * 50 * 150 + c1) / (50**2 + 150**2 + c1)
    assert [measure(dark, bright) for measure in (ssim, ssim_sample, ssim_square, ssim_volume)] == pytest.approx(
        [by_hand] * 4
    )
    assert ssim_luma(dark, ramp(16, 16)) is None


def test_equal_frames_have_ssim_1_in_every_variant() -> None:
    frame = noise(5, 20, 30)
    found = [measure(frame, frame.copy()) for measure in (ssim, ssim_sample, ssim_square, ssim_luma, ssim_volume)]
    assert found == pytest.approx([1] * 5)


def test_frames_of_different_shape_or_too_small_are_rejected() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        ssim(ramp(12, 12), ramp(12, 13))
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(ramp(10, 40), ramp(10, 40))
