"""Frames of 8 bits as the tensors that interpolators take, and back."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def tensor_of(samples_HWC: NDArray[np.uint8]) -> Tensor:
    """RGB of 8 bits as fp32 [3, H, W], 0 to 1."""
    return torch.from_numpy(samples_HWC).permute(2, 0, 1).contiguous().float().div_(255)


def samples_of(rgb_CHW: Tensor) -> NDArray[np.uint8]:
    """RGB as 8 bits [H, W, 3]: clipped, and rounded to the nearest."""
    codes_CHW = (rgb_CHW * 255).round_().clamp_(0, 255).to(torch.uint8)
    samples: NDArray[np.uint8] = codes_CHW.permute(1, 2, 0).contiguous().numpy()
    return samples
