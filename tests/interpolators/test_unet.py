"""The U-Nets' input is converted to channels-last with the bits and the layout of torch's own conversion."""

import pytest
import torch
from torch import nn

from slomo_batch.interpolators.superslomo.unet import MANY_CHANNELS, cast_to


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(1, MANY_CHANNELS, 61, 70), (3, 57, 8, 12), (2, 6, 8, 12), (1, 57, 1, 1)])
def test_the_input_becomes_channels_last(size: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    images = torch.rand(size, generator=torch.Generator().manual_seed(1)) - 0.5
    convolution = nn.Conv2d(size[1], 4, 1, dtype=dtype)
    expected = images.to(dtype=dtype, memory_format=torch.channels_last)
    with torch.inference_mode():
        got = cast_to(images, convolution)
    assert torch.equal(got, expected)
    assert (got.dtype, got.stride()) == (expected.dtype, expected.stride())


def test_gradients_flow_through_the_conversion() -> None:
    images = torch.rand(1, 57, 8, 12, requires_grad=True)
    cast_to(images, nn.Conv2d(57, 4, 1)).sum().backward()  # type: ignore[no-untyped-call]  # missing in torch's stubs
    assert images.grad is not None
    assert torch.equal(images.grad, torch.ones_like(images))
