"""Structural similarity (SSIM) in the variants that papers report. Their values differ in the third digit.

All follow Wang et al. (2004): local means, variances and the covariance of two pictures under a sliding window. They
differ in the window, the normalization of variances, the treatment of borders, and the channels used.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from slomo_batch.evaluation.measures import MAX_VALUE, Rgb8

Float64s = NDArray[np.float64]
Smooth = Callable[[Float64s], Float64s]
"""Computes local means under a window, at every position of the window."""

K1, K2 = 0.01, 0.03
SIGMA, RADIUS = 1.5, 5
"""The Gaussian window of Wang et al., truncated at 3.5 sigma: 11 x 11."""
SQUARE = 7
"""Side of scikit-image's uniform window."""
LUMA_RGB, LUMA_OFFSET = (0.256788235294118, 0.504129411764706, 0.097905882352941), 16.0
"""Coefficients of limited-range BT.601 luma, with the digits of XVFI's evaluator."""


def ssim(made: Rgb8, truth: Rgb8) -> float:
    """SSIM of Wang et al. (2004), averaged over channels and all positions with the window inside the picture.

    Equals scikit-image's structural_similarity with gaussian_weights, sigma 1.5, use_sample_covariance off and
    data_range 255.

    Raises:
        ValueError: the pictures differ in shape, or are smaller than the window.
    """
    return _by_channel(made, truth, partial(_window_means, weights=_gaussian()))


def ssim_sample(made: Rgb8, truth: Rgb8) -> float:
    """As `ssim`, with sample covariances: scikit-image with gaussian_weights and otherwise its defaults.

    Used by Super SloMo's evaluator. The scikit-image of its time truncated the window one pixel later, at 13 x 13; the
    weights there are below 0.0003 of the central one.
    """
    num = (2 * RADIUS + 1) ** 2
    return _by_channel(made, truth, partial(_window_means, weights=_gaussian()), unbias=num / (num - 1))


def ssim_square(made: Rgb8, truth: Rgb8) -> float:
    """scikit-image's structural_similarity with its defaults: a uniform 7 x 7 window and sample covariances.

    Used by the evaluators of Niklaus and Liu (Xiph, Middlebury).
    """
    return _by_channel(made, truth, _square(), unbias=SQUARE**2 / (SQUARE**2 - 1))


def ssim_luma(made: Rgb8, truth: Rgb8) -> float | None:
    """SSIM of XVFI's evaluator: scikit-image's defaults on unrounded BT.601 luma.

    The data range is that of the interpolated frame's luma. Returns None if that range is 0, where SSIM is undefined.
    """
    x, y = (samples @ np.asarray(LUMA_RGB) + LUMA_OFFSET for samples in (made, truth))
    value_range = float(x.max() - x.min())
    if value_range == 0:
        return None
    return _mean_ssim(x, y, _square(), unbias=SQUARE**2 / (SQUARE**2 - 1), value_range=value_range)


def ssim_volume(made: Rgb8, truth: Rgb8) -> float:
    """SSIM with a three-dimensional Gaussian window, 11 x 11 x 11, over the picture as a volume of three channels.

    Borders are replicated, across channels too. CAIN, RIFE and most later papers report this variant (`ssim_matlab` of
    pytorch_msssim) for Vimeo-90K and SNU-FILM.
    """
    x, y = (samples.astype(np.float64).transpose(2, 0, 1) for samples in (made, truth))
    return _mean_ssim(x, y, _volume_means)


# ---- the formula -----------------------------------------------------------------------------------------------------


def _by_channel(made: Rgb8, truth: Rgb8, smooth: Smooth, unbias: float = 1.0) -> float:
    if made.shape != truth.shape:
        raise ValueError(f"the frames differ in shape: {made.shape} and {truth.shape}")
    planes = ((made[..., channel], truth[..., channel]) for channel in range(3))
    return float(np.mean([_mean_ssim(x.astype(np.float64), y.astype(np.float64), smooth, unbias) for x, y in planes]))


def _mean_ssim(x: Float64s, y: Float64s, smooth: Smooth, unbias: float = 1.0, value_range: float = MAX_VALUE) -> float:
    """Mean SSIM over positions; variances and the covariance are multiplied by `unbias`."""
    mean_x, mean_y = smooth(x), smooth(y)
    variances = unbias * (smooth(x * x) - mean_x * mean_x + smooth(y * y) - mean_y * mean_y)
    covariance = unbias * (smooth(x * y) - mean_x * mean_y)
    c1, c2 = (K1 * value_range) ** 2, (K2 * value_range) ** 2
    alike = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    whole = (mean_x * mean_x + mean_y * mean_y + c1) * (variances + c2)
    return float(np.mean(alike / whole))


# ---- windows ---------------------------------------------------------------------------------------------------------


def _gaussian() -> Float64s:
    weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    normed: Float64s = weights / weights.sum()
    return normed


def _square() -> Smooth:
    return partial(_window_means, weights=np.full(SQUARE, 1 / SQUARE))


def _window_means(plane_HW: Float64s, weights: Float64s) -> Float64s:
    """Local means at every position with the window inside the picture."""
    if min(plane_HW.shape) < len(weights):
        raise ValueError(f"SSIM needs pictures of at least {len(weights)} pixels each way, got {plane_HW.shape}")
    height, width = (side - len(weights) + 1 for side in plane_HW.shape)
    down_HW = _weighted((plane_HW[start : start + height] for start in range(len(weights))), weights)
    return _weighted((down_HW[:, start : start + width] for start in range(len(weights))), weights)


def _weighted(shifted: Iterable[Float64s], weights: Float64s) -> Float64s:
    """Weighted sum of planes."""
    first, *rest = zip(shifted, weights, strict=True)
    summed: Float64s = first[0] * first[1]
    term = np.empty_like(summed)
    for plane_HW, weight in rest:
        summed += np.multiply(plane_HW, weight, out=term)
    return summed


def _volume_means(volume_CHW: Float64s) -> Float64s:
    """Local means at every position; replicated borders count the first and last channel several times."""
    weights = _gaussian()
    depth = len(volume_CHW)
    mixing_CC = np.zeros((depth, depth))
    for channel in range(depth):
        for offset, weight in zip(range(-RADIUS, RADIUS + 1), weights, strict=True):
            mixing_CC[channel, min(max(channel + offset, 0), depth - 1)] += weight
    wide_CHW = np.pad(volume_CHW, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="edge")
    smooth_CHW = np.stack([_window_means(plane_HW, weights) for plane_HW in wide_CHW])
    mixed: Float64s = np.einsum("oc,chw->ohw", mixing_CC, smooth_CHW)
    return mixed
