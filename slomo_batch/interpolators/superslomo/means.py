"""Means over neighborhoods.

On a CPU each is the sum of shifted pictures: the bits of torch's pooling, which adds in the same order, in less than
half of its time for pictures of hundreds of pixels.
"""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional


def mean_of_2x2(x_BCHW: Tensor) -> Tensor:
    """Return the mean of each 2x2 values, [B, C, H / 2, W / 2]; both sides must be even."""
    if x_BCHW.device.type != "cpu":
        return functional.avg_pool2d(x_BCHW, 2)
    above, below = x_BCHW[..., ::2, :], x_BCHW[..., 1::2, :]
    return _sum([above[..., ::2], above[..., 1::2], below[..., ::2], below[..., 1::2]]).mul_(0.25)


def mean_around(x_BCHW: Tensor) -> Tensor:
    """Return the mean over 3x3 values around each, with the border replicated."""
    whole = functional.pad(x_BCHW, (1, 1, 1, 1), mode="replicate")
    if x_BCHW.device.type != "cpu":
        return functional.avg_pool2d(whole, 3, 1)
    height, width = x_BCHW.shape[-2:]
    parts = [whole[..., row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return _sum(parts).div_(9)


def wide_mean(x_BCHW: Tensor, side: int) -> Tensor:
    """Return the mean over the square around each value that lies in the picture; `side` is odd.

    It is the mean over columns of means over rows: two short passes instead of a long one.
    """
    if x_BCHW.device.type != "cpu":
        rows = functional.avg_pool2d(x_BCHW, (side, 1), 1, (side // 2, 0), count_include_pad=False)
        return functional.avg_pool2d(rows, (1, side), 1, (0, side // 2), count_include_pad=False)
    height, width = x_BCHW.shape[-2:]
    reach = side // 2
    tall = functional.pad(x_BCHW, (0, 0, reach, reach))
    rows = _sum([tall[..., row : row + height, :] for row in range(side)]).div_(_counts(height, reach)[:, None])
    broad = functional.pad(rows, (reach, reach))
    return _sum([broad[..., column : column + width] for column in range(side)]).div_(_counts(width, reach))


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return reduce(Tensor.add_, parts[2:], parts[0] + parts[1])


def _counts(length: int, reach: int) -> Tensor:
    """Return how many places within reach of each lie in the picture."""
    places = torch.arange(length, dtype=torch.float32)
    return (places + reach).clamp(max=length - 1) - (places - reach).clamp(min=0) + 1
