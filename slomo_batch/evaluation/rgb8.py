"""Convert 8-bit RGB frames to the tensors that interpolators take, and back; and to planes, for decisions on them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.picture import PIXEL_FORMATS, Picture


def to_tensor(samples_HWC: NDArray[np.uint8]) -> Tensor:
    """Convert 8-bit RGB, [H, W, 3], to fp32 [3, H, W], 0 to 1."""
    return torch.from_numpy(samples_HWC).permute(2, 0, 1).contiguous().float().div_(255)


def to_uint8(rgb_CHW: Tensor) -> NDArray[np.uint8]:
    """Convert RGB [3, H, W], 0 to 1, to 8-bit [H, W, 3]: rounded to nearest, and clipped."""
    codes_CHW = (rgb_CHW * 255).round_().clamp_(0, 255).to(torch.uint8)
    samples: NDArray[np.uint8] = codes_CHW.permute(1, 2, 0).contiguous().numpy()
    return samples


def planes_of(samples_HWC: NDArray[np.uint8]) -> Picture:
    """Convert 8-bit RGB, [H, W, 3], to planes, green first: decisions that look at luma look at green."""
    return Picture(format=PIXEL_FORMATS["gbrp"], planes=tuple(samples_HWC[..., channel] for channel in (1, 2, 0)))
