"""PSNR and interpolation error (IE) between an interpolated frame and the true one, in 8-bit RGB."""

import math

import numpy as np
from numpy.typing import NDArray

Rgb8 = NDArray[np.uint8]
"""A frame, [H, W, 3]; the functions here also take a list of pixels, [N, 3]."""

MAX_VALUE = 255
MAX_PSNR_DB = 100.0
"""The largest PSNR, also that of equal frames, so that means stay finite. One sample off by one in 4K is 122 dB."""


def psnr(made: Rgb8, truth: Rgb8) -> float:
    """Peak signal-to-noise ratio in dB over all samples of all channels, at most MAX_PSNR_DB."""
    mean_square = float(np.mean(np.square(_errors(made, truth)), dtype=np.float64))
    if mean_square == 0:
        return MAX_PSNR_DB
    return min(MAX_PSNR_DB, 10 * math.log10(MAX_VALUE**2 / mean_square))


def color_distances(made: Rgb8, truth: Rgb8) -> NDArray[np.float64]:
    """Euclidean RGB distance at each pixel in levels, 0 to 442: [H, W], or [N] for a list of pixels."""
    distances: NDArray[np.float64] = np.sqrt(np.sum(np.square(_errors(made, truth)), axis=-1, dtype=np.float64))
    return distances


def mean_ie(made: Rgb8, truth: Rgb8) -> float:
    """Interpolation error of Super SloMo's evaluator: the mean color distance over the pixels, in levels."""
    return float(np.mean(color_distances(made, truth)))


def rms_ie(made: Rgb8, truth: Rgb8) -> float:
    """Interpolation error of Baker et al. (2011) for Middlebury: the root mean square color distance, in levels."""
    return math.sqrt(float(np.mean(np.square(color_distances(made, truth)))))


def absolute_ie(made: Rgb8, truth: Rgb8) -> float:
    """Interpolation error that DAIN, RIFE and others report for Middlebury: the mean absolute difference, in levels."""
    return float(np.mean(np.abs(_errors(made, truth)), dtype=np.float64))


def _errors(made: Rgb8, truth: Rgb8) -> NDArray[np.int32]:
    if made.shape != truth.shape:
        raise ValueError(f"the frames differ in shape: {made.shape} and {truth.shape}")
    return np.subtract(made, truth, dtype=np.int32)
