"""Means over neighborhoods have the bits of torch's pooling."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.superslomo.means import mean_around, mean_of_2x2, wide_mean

LAYOUTS = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
SIZES = pytest.mark.parametrize("size", [(2, 2), (6, 10), (32, 96), (50, 70)])


def values(size: tuple[int, int], layout: torch.memory_format) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, *size, generator=generator).to(memory_format=layout)


@SIZES
@LAYOUTS
def test_a_mean_of_2x2_is_torchs_bit_for_bit(size: tuple[int, int], layout: torch.memory_format) -> None:
    x = values(size, layout)
    assert torch.equal(mean_of_2x2(x), functional.avg_pool2d(x, 2))


@SIZES
@LAYOUTS
def test_a_mean_around_is_torchs_bit_for_bit(size: tuple[int, int], layout: torch.memory_format) -> None:
    x = values(size, layout)
    expected = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    assert torch.equal(mean_around(x), expected)


@SIZES
@LAYOUTS
@pytest.mark.parametrize("side", [3, 9])
def test_a_wide_mean_is_torchs_bit_for_bit(size: tuple[int, int], layout: torch.memory_format, side: int) -> None:
    x, reach = values(size, layout), side // 2
    rows = functional.avg_pool2d(x, (side, 1), 1, (reach, 0), count_include_pad=False)
    expected = functional.avg_pool2d(rows, (1, side), 1, (0, reach), count_include_pad=False)
    assert torch.equal(wide_mean(x, side), expected)
    whole = functional.avg_pool2d(x, side, 1, reach, count_include_pad=False)
    torch.testing.assert_close(wide_mean(x, side), whole)
