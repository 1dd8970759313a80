"""Measures of the error between a made frame and the true one, over RGB of 8 bits. Likeness in structure: `ssim`."""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8]
"""[H, W, 3]; to measures of error also a list of pixels, [N, 3]."""

MAX_VALUE = 255
MAX_PSNR_DB = 100.0
"""What equal frames count as, so that means stay finite: a single sample off by one in a 4K frame is 122 dB."""


def psnr(made: Samples, truth: Samples) -> float:
    """Peak signal to noise ratio in dB over all samples of all channels, at most MAX_PSNR_DB."""
    mean_square = float(np.mean(np.square(_errors(made, truth)), dtype=np.float64))
    if mean_square == 0:
        return MAX_PSNR_DB
    return min(MAX_PSNR_DB, 10 * math.log10(MAX_VALUE**2 / mean_square))


def color_distances(made: Samples, truth: Samples) -> NDArray[np.float64]:
    """At each pixel the length of the difference of its two colours, in levels, 0 to 442: [H, W] or, of a list, [N]."""
    distances: NDArray[np.float64] = np.sqrt(np.sum(np.square(_errors(made, truth)), axis=-1, dtype=np.float64))
    return distances


def mean_ie(made: Samples, truth: Samples) -> float:
    """Interpolation error as Super SloMo's evaluator has it: the mean colour distance over the pixels, in levels."""
    return float(np.mean(color_distances(made, truth)))


def rms_ie(made: Samples, truth: Samples) -> float:
    """Interpolation error as Baker et al. (2011) define it for Middlebury: the root of the mean over pixels of their
    squared colour distance, in levels."""
    return math.sqrt(float(np.mean(np.square(color_distances(made, truth)))))


def absolute_ie(made: Samples, truth: Samples) -> float:
    """Interpolation error as DAIN, RIFE and others take it on Middlebury: the mean absolute difference over all samples
    of all channels, in levels."""
    return float(np.mean(np.abs(_errors(made, truth)), dtype=np.float64))


def _errors(made: Samples, truth: Samples) -> NDArray[np.int32]:
    if made.shape != truth.shape:
        raise ValueError(f"frames of two sizes: {made.shape} and {truth.shape}")
    return np.subtract(made, truth, dtype=np.int32)
