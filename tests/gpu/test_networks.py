"""The networks make almost the same frames on a GPU as on the CPU, and the same bits each time."""

from fractions import Fraction
from typing import Literal

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.contract import Held
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.guided import prior_flows
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file
from slomo_batch.settings import Precision
from tests.gpu.devices import needs_gpu
from tests.interpolators.footage import texture

pytestmark = needs_gpu
TIMES = (Fraction(1, 4), Fraction(1, 2))


def made(device: Literal["cpu", "cuda"], precision: Precision) -> list[Tensor | Held]:
    weights = str(shipped_file(resolve_name("compact")))
    spec = InterpolatorSpec(method="superslomo", weights_path=weights, precision=precision, device=device)
    model = open_interpolator(spec)
    assert isinstance(model, SuperSlomo)
    i0, i1 = (image.to(model.device) for image in moved())
    frames = list(model.between(i0, i1, TIMES))
    assert all(isinstance(frame, Tensor) and frame.device.type == device for frame in frames)
    return frames


def moved() -> tuple[Tensor, Tensor]:
    return texture(96, 128), texture(96, 128).roll(3, dims=-1)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_gpu_makes_the_frames_of_the_cpu(precision: Precision) -> None:
    for here, there in zip(made("cuda", precision), made("cpu", "fp32"), strict=True):
        assert isinstance(here, Tensor)
        assert isinstance(there, Tensor)
        psnr_db = -10 * float((here.cpu().clamp(0, 1) - there.clamp(0, 1)).square().mean().log10())
        assert psnr_db > 45


def test_the_same_pair_gives_the_same_bits_twice() -> None:
    for first, second in zip(made("cuda", "fp16"), made("cuda", "fp16"), strict=True):
        assert isinstance(first, Tensor)
        assert isinstance(second, Tensor)
        assert torch.equal(first, second)


def test_the_prior_flow_has_the_same_bits() -> None:
    i0, i1 = (image[None] for image in moved())
    there = prior_flows(i0.cuda(), i1.cuda())
    assert there.is_cuda
    assert torch.equal(there.cpu(), prior_flows(i0, i1))
