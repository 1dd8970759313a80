"""Measures of likeness between a made frame and the true one, over RGB of 8 bits."""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8]
"""[H, W, 3]."""
_Floats = NDArray[np.float64]

MAX_VALUE = 255
MAX_PSNR_DB = 100.0
"""What equal frames count as, so that means stay finite: a single sample off by one in a 4K frame is 122 dB."""

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5
"""The Gaussian window of Wang et al. (2004), cut off at 3.5 sigma: 11 x 11."""
SSIM_K1, SSIM_K2 = 0.01, 0.03


def psnr(made: Samples, truth: Samples) -> float:
    """Peak signal to noise ratio in dB over all samples of all channels, at most MAX_PSNR_DB."""
    _judge_shapes(made, truth)
    error = np.subtract(made, truth, dtype=np.int32)
    mean_square = float(np.mean(np.square(error), dtype=np.float64))
    if mean_square == 0:
        return MAX_PSNR_DB
    return min(MAX_PSNR_DB, 10 * math.log10(MAX_VALUE**2 / mean_square))


def ssim(made: Samples, truth: Samples) -> float:
    """Structural similarity (Wang et al. 2004), the mean over places and channels.

    The same as scikit-image's structural_similarity with gaussian_weights, sigma 1.5, use_sample_covariance off and
    data_range 255: places whose window leaves the picture are left out.

    Raises:
        ValueError: the pictures are smaller than the window.
    """
    _judge_shapes(made, truth)
    if min(made.shape[:2]) < 2 * SSIM_RADIUS + 1:
        raise ValueError(f"SSIM takes pictures of {2 * SSIM_RADIUS + 1} pixels and more each way, got {made.shape}")
    x, y = made.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _smoothed(x), _smoothed(y)
    variance_x = _smoothed(x * x) - mean_x * mean_x
    variance_y = _smoothed(y * y) - mean_y * mean_y
    covariance = _smoothed(x * y) - mean_x * mean_y
    c1, c2 = (SSIM_K1 * MAX_VALUE) ** 2, (SSIM_K2 * MAX_VALUE) ** 2
    alike = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    whole = (mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2)
    return float(np.mean(alike / whole))


def _judge_shapes(made: Samples, truth: Samples) -> None:
    if made.shape != truth.shape:
        raise ValueError(f"frames of two sizes: {made.shape} and {truth.shape}")


def _smoothed(values_HWC: _Floats) -> _Floats:
    """Means under the Gaussian window, where it lies within the picture whole."""
    offsets = np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1)
    weights = np.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    weights /= weights.sum()
    smoothed: _Floats = _along_columns(_along_columns(values_HWC, weights).swapaxes(0, 1), weights).swapaxes(0, 1)
    return smoothed


def _along_columns(values: _Floats, weights: _Floats) -> _Floats:
    size = values.shape[0] - len(weights) + 1
    summed: _Floats = values[:size] * weights[0]
    for start, weight in enumerate(weights[1:], start=1):
        summed += values[start : start + size] * weight
    return summed
