"""The median of 3x3 values, by sorting columns and then rows: a few passes over the picture."""

import torch
from torch import Tensor
from torch.nn import functional


def median_3x3(x_BCHW: Tensor) -> Tensor:
    """Return the median of the 3x3 values around each, with the border replicated."""
    whole = functional.pad(x_BCHW, (1, 1, 1, 1), mode="replicate")
    least, middle, most = _sorted(whole[..., :-2, :], whole[..., 1:-1, :], whole[..., 2:, :])
    # The median of nine is the median of: the largest least, the median middle, and the least largest of the columns.
    largest = torch.maximum(torch.maximum(least[..., :-2], least[..., 1:-1]), least[..., 2:])
    smallest = torch.minimum(torch.minimum(most[..., :-2], most[..., 1:-1]), most[..., 2:])
    _, central, _ = _sorted(middle[..., :-2], middle[..., 1:-1], middle[..., 2:])
    return _sorted(largest, central, smallest)[1]


def _sorted(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the least, the middle and the largest of three values, elementwise."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    return torch.minimum(low, c), torch.maximum(low, torch.minimum(high, c)), torch.maximum(high, c)
