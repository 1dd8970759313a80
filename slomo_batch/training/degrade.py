"""What cameras and codecs do to the two source frames, each for itself; what is to be predicted stays clean.

Trained on clean pairs a network learns to copy one side; given two sides that are noisy each in its own way, it learns
to average them.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 8
_LUMA_TABLE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)  # fmt: skip
"""Steps of luma at quality 50 (ITU-T T.81, table K.1)."""
_CHROMA_STEP = 1.5
"""Chroma is coded more coarsely than luma."""
_TO_YUV = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradeMix:
    """How often, and how much."""

    noise_share: float = 0.45
    max_noise: float = 0.03
    """Largest standard deviation, of a range of 1."""
    compression_share: float = 0.35
    min_quality: int = 35
    """Lowest JPEG quality; the highest is 90."""


def degraded(i0_CHW: Tensor, i1_CHW: Tensor, mix: DegradeMix, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The two frames of one source: the same camera and codec, independent noise and block grids."""
    sigma = float(rng.uniform(0, mix.max_noise)) if rng.random() < mix.noise_share else 0.0
    grain = float(rng.uniform(0, 1))
    quality = int(rng.integers(mix.min_quality, 91)) if rng.random() < mix.compression_share else 100
    made = []
    for image_CHW in (i0_CHW, i1_CHW):
        seen_CHW = noisy(image_CHW, sigma, grain, rng) if sigma else image_CHW
        offset = (int(rng.integers(BLOCK)), int(rng.integers(BLOCK)))
        made.append(compressed(seen_CHW, quality, offset) if quality < 100 else seen_CHW)
    return made[0], made[1]


def noisy(image_CHW: Tensor, sigma: float, grain: float, rng: np.random.Generator) -> Tensor:
    """Gaussian noise of deviation `sigma`; `grain` 0 is white, 1 twice as coarse; not clipped."""
    noise_CHW = torch.from_numpy(rng.standard_normal(image_CHW.shape, dtype=np.float32))
    smooth_CHW = 2 * functional.avg_pool2d(noise_CHW[None], 3, stride=1, padding=1)[0]
    return image_CHW + sigma * torch.lerp(noise_CHW, smooth_CHW, grain)


def compressed(image_CHW: Tensor, quality: int, offset: tuple[int, int]) -> Tensor:
    """What JPEG's quantisation leaves, its grid of blocks shifted by `offset` (rows, columns)."""
    height, width = image_CHW.shape[-2:]
    above, left = offset
    pads = (left, -(width + left) % BLOCK, above, -(height + above) % BLOCK)
    padded_CHW = functional.pad(image_CHW[None], pads, mode="replicate")[0]
    yuv_CHW = torch.einsum("oc,chw->ohw", _TO_YUV, padded_CHW)
    rgb_CHW = torch.einsum("oc,chw->ohw", _to_rgb(), _requantised(yuv_CHW, quality))
    return rgb_CHW[:, above : above + height, left : left + width]


@cache
def _to_rgb() -> Tensor:
    back: Tensor = torch.linalg.inv(_TO_YUV)
    return back


@cache
def _cosines() -> Tensor:
    """The orthonormal DCT of a block's rows."""
    n = torch.arange(BLOCK, dtype=torch.float32)
    basis: Tensor = torch.cos(torch.pi * (2 * n + 1) * n[:, None] / (2 * BLOCK)) * (2 / BLOCK) ** 0.5
    basis[0] /= 2**0.5
    return basis


def _requantised(yuv_CHW: Tensor, quality: int) -> Tensor:
    scale = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    steps = (_LUMA_TABLE * scale / 255).clamp(min=1 / 255)
    steps_C = torch.stack((steps, steps * _CHROMA_STEP, steps * _CHROMA_STEP))[:, None, None]
    channels, height, width = yuv_CHW.shape
    blocks = yuv_CHW.reshape(channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(2, 3)
    dct = _cosines()
    kept = (dct @ blocks @ dct.T / steps_C).round_() * steps_C
    return (dct.T @ kept @ dct).transpose(2, 3).reshape(channels, height, width)
