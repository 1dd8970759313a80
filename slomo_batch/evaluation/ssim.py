"""Structural similarity in each of the forms in which the field publishes it. They differ in the third digit.

All follow Wang et al. (2004): means, variances and the covariance of two pictures under a window, place by place. What
differs is the window, how variances are normalised, what happens at the border, and which channels are looked at.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from slomo_batch.evaluation.measures import MAX_VALUE, Samples

Floats = NDArray[np.float64]
Smooth = Callable[[Floats], Floats]
"""Means under a window, at every place where there is one."""

K1, K2 = 0.01, 0.03
SIGMA, RADIUS = 1.5, 5
"""The Gaussian window of Wang et al., cut off at 3.5 sigma: 11 x 11."""
SQUARE = 7
"""Side of scikit-image's even window."""
LUMA_RGB, LUMA_OFFSET = (0.256788235294118, 0.504129411764706, 0.097905882352941), 16.0
"""Y of BT.601 in limited range, with the digits of XVFI's evaluator."""


def ssim(made: Samples, truth: Samples) -> float:
    """As Wang et al. (2004), the mean over places and channels; places whose window leaves the picture are left out.

    The same as scikit-image's structural_similarity with gaussian_weights, sigma 1.5, use_sample_covariance off and
    data_range 255.

    Raises:
        ValueError: the pictures are smaller than the window.
    """
    return _by_channel(made, truth, partial(_inside, weights=_gaussian()))


def ssim_sample(made: Samples, truth: Samples) -> float:
    """As `ssim`, with sample covariances: scikit-image with gaussian_weights and else its defaults.

    Super SloMo's evaluator calls it so. The scikit-image of its day cut the window off a pixel later, at 13 x 13; the
    weights there are below 0.0003 of the middle's.
    """
    num = (2 * RADIUS + 1) ** 2
    return _by_channel(made, truth, partial(_inside, weights=_gaussian()), unbias=num / (num - 1))


def ssim_square(made: Samples, truth: Samples) -> float:
    """scikit-image's structural_similarity with nothing but its defaults: an even window of 7 x 7, sample covariances.

    The evaluators of Niklaus and Liu (Xiph, Middlebury) call it so.
    """
    return _by_channel(made, truth, _square(), unbias=SQUARE**2 / (SQUARE**2 - 1))


def ssim_luma(made: Samples, truth: Samples) -> float | None:
    """XVFI's: scikit-image's defaults on Y of BT.601, not rounded, with the range of the made frame's Y for the range.

    None where the made frame is of one brightness: the range is 0 then, and the measure not defined.
    """
    x, y = (samples @ np.asarray(LUMA_RGB) + LUMA_OFFSET for samples in (made, truth))
    value_range = float(x.max() - x.min())
    if value_range == 0:
        return None
    return _mean_ssim(x, y, _square(), unbias=SQUARE**2 / (SQUARE**2 - 1), value_range=value_range)


def ssim_volume(made: Samples, truth: Samples) -> float:
    """The Gaussian window in three dimensions, 11 x 11 x 11, over the picture as a volume of its three channels.

    What lies outside is continued by the border, across channels too. CAIN, RIFE and most after them publish this one
    (`ssim_matlab` of pytorch_msssim) for Vimeo-90K and SNU-FILM.
    """
    x, y = (samples.astype(np.float64).transpose(2, 0, 1) for samples in (made, truth))
    return _mean_ssim(x, y, _through_volume)


# ---- the formula -----------------------------------------------------------------------------------------------------


def _by_channel(made: Samples, truth: Samples, smooth: Smooth, unbias: float = 1.0) -> float:
    if made.shape != truth.shape:
        raise ValueError(f"frames of two sizes: {made.shape} and {truth.shape}")
    planes = ((made[..., channel], truth[..., channel]) for channel in range(3))
    return float(np.mean([_mean_ssim(x.astype(np.float64), y.astype(np.float64), smooth, unbias) for x, y in planes]))


def _mean_ssim(x: Floats, y: Floats, smooth: Smooth, unbias: float = 1.0, value_range: float = MAX_VALUE) -> float:
    """The mean over places; `unbias` is by how much variances are raised."""
    mean_x, mean_y = smooth(x), smooth(y)
    variances = unbias * (smooth(x * x) - mean_x * mean_x + smooth(y * y) - mean_y * mean_y)
    covariance = unbias * (smooth(x * y) - mean_x * mean_y)
    c1, c2 = (K1 * value_range) ** 2, (K2 * value_range) ** 2
    alike = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    whole = (mean_x * mean_x + mean_y * mean_y + c1) * (variances + c2)
    return float(np.mean(alike / whole))


# ---- windows ---------------------------------------------------------------------------------------------------------


def _gaussian() -> Floats:
    weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    normed: Floats = weights / weights.sum()
    return normed


def _square() -> Smooth:
    return partial(_inside, weights=np.full(SQUARE, 1 / SQUARE))


def _inside(plane_HW: Floats, weights: Floats) -> Floats:
    """Means where the window lies within the picture whole."""
    if min(plane_HW.shape) < len(weights):
        raise ValueError(f"SSIM takes pictures of {len(weights)} pixels and more each way, got {plane_HW.shape}")
    height, width = (side - len(weights) + 1 for side in plane_HW.shape)
    down_HW = _weighted((plane_HW[start : start + height] for start in range(len(weights))), weights)
    return _weighted((down_HW[:, start : start + width] for start in range(len(weights))), weights)


def _weighted(shifted: Iterable[Floats], weights: Floats) -> Floats:
    """The weighted sum of planes."""
    first, *rest = zip(shifted, weights, strict=True)
    summed: Floats = first[0] * first[1]
    term = np.empty_like(summed)
    for plane_HW, weight in rest:
        summed += np.multiply(plane_HW, weight, out=term)
    return summed


def _through_volume(volume_CHW: Floats) -> Floats:
    """Means at every place; the window reaches all channels from each, and more often those at the end."""
    weights = _gaussian()
    depth = len(volume_CHW)
    mixing_CC = np.zeros((depth, depth))
    for channel in range(depth):
        for offset, weight in zip(range(-RADIUS, RADIUS + 1), weights, strict=True):
            mixing_CC[channel, min(max(channel + offset, 0), depth - 1)] += weight
    wide_CHW = np.pad(volume_CHW, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="edge")
    smooth_CHW = np.stack([_inside(plane_HW, weights) for plane_HW in wide_CHW])
    mixed: Floats = np.einsum("oc,chw->ohw", mixing_CC, smooth_CHW)
    return mixed
