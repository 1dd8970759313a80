"""The devices that the tests of this folder run on.

Each test that can runs on the CPU as well, so that the test itself is known to work. On CUDA it is skipped without a
GPU.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch

T = TypeVar("T", bound=Callable[..., Any])

needs_gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
"""Marks of a test that makes sense on CUDA only."""


def only_cuda(test: T) -> T:
    """Mark a test without an argument `device`, which makes sense on CUDA only."""
    for mark in needs_gpu:
        test = mark(test)
    return test


on_devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
"""For tests with an argument `device`."""
