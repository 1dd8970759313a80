"""Degrade the two input frames with camera noise and JPEG compression; the target frame stays clean.

A network trained on clean pairs learns to copy one of the two frames. If their noise is independent, it learns to
average them.
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
"""Luma quantization table at quality 50 (ITU-T T.81, table K.1)."""
_CHROMA_STEP = 1.5
"""Factor on the luma table for chroma, which JPEG quantizes more coarsely."""
_TO_YUV = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradationConfig:
    """How often and how strongly frames are degraded."""

    noise_share: float = 0.45
    """Share of samples with noise."""
    max_noise: float = 0.03
    """Largest standard deviation of the noise, for RGB 0 to 1."""
    compression_share: float = 0.35
    """Share of samples with JPEG compression."""
    min_quality: int = 35
    """Lowest JPEG quality; the highest is 90."""


def degrade_pair(
    i0_CHW: Tensor, i1_CHW: Tensor, mix: DegradationConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Degrade both frames, RGB [3, H, W]: same noise level and quality, independent noise and block offsets."""
    sigma = float(rng.uniform(0, mix.max_noise)) if rng.random() < mix.noise_share else 0.0
    grain = float(rng.uniform(0, 1))
    quality = int(rng.integers(mix.min_quality, 91)) if rng.random() < mix.compression_share else 100
    made = []
    for image_CHW in (i0_CHW, i1_CHW):
        seen_CHW = add_noise(image_CHW, sigma, grain, rng) if sigma else image_CHW
        offset = (int(rng.integers(BLOCK)), int(rng.integers(BLOCK)))
        made.append(jpeg_compress(seen_CHW, quality, offset) if quality < 100 else seen_CHW)
    return made[0], made[1]


def add_noise(image_CHW: Tensor, sigma: float, grain: float, rng: np.random.Generator) -> Tensor:
    """Add Gaussian noise of standard deviation `sigma`; `grain` 0 is white, 1 is smoothed; not clipped."""
    noise_CHW = torch.from_numpy(rng.standard_normal(image_CHW.shape, dtype=np.float32))
    smooth_CHW = 2 * functional.avg_pool2d(noise_CHW[None], 3, stride=1, padding=1)[0]
    return image_CHW + sigma * torch.lerp(noise_CHW, smooth_CHW, grain)


def jpeg_compress(image_CHW: Tensor, quality: int, offset: tuple[int, int]) -> Tensor:
    """Apply JPEG's DCT quantization, with the grid of blocks shifted by `offset` (rows, columns)."""
    height, width = image_CHW.shape[-2:]
    above, left = offset
    pads = (left, -(width + left) % BLOCK, above, -(height + above) % BLOCK)
    padded_CHW = functional.pad(image_CHW[None], pads, mode="replicate")[0]
    yuv_CHW = torch.einsum("oc,chw->ohw", _TO_YUV, padded_CHW)
    rgb_CHW = torch.einsum("oc,chw->ohw", _to_rgb(), _quantize_dct(yuv_CHW, quality))
    return rgb_CHW[:, above : above + height, left : left + width]


@cache
def _to_rgb() -> Tensor:
    back: Tensor = torch.linalg.inv(_TO_YUV)
    return back


@cache
def _cosines() -> Tensor:
    """The orthonormal DCT matrix, [8, 8]."""
    n = torch.arange(BLOCK, dtype=torch.float32)
    basis: Tensor = torch.cos(torch.pi * (2 * n + 1) * n[:, None] / (2 * BLOCK)) * (2 / BLOCK) ** 0.5
    basis[0] /= 2**0.5
    return basis


def _quantize_dct(yuv_CHW: Tensor, quality: int) -> Tensor:
    scale = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    steps = (_LUMA_TABLE * scale / 255).clamp(min=1 / 255)
    steps_C = torch.stack((steps, steps * _CHROMA_STEP, steps * _CHROMA_STEP))[:, None, None]
    channels, height, width = yuv_CHW.shape
    blocks = yuv_CHW.reshape(channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(2, 3)
    dct = _cosines()
    kept = (dct @ blocks @ dct.T / steps_C).round_() * steps_C
    return (dct.T @ kept @ dct).transpose(2, 3).reshape(channels, height, width)
