"""The networks make the same frames on a GPU as on the CPU. Skipped without a GPU."""

from fractions import Fraction
from typing import Literal

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.contract import Held
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file
from slomo_batch.settings import Precision
from tests.interpolators.footage import texture

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
TIMES = (Fraction(1, 4), Fraction(1, 2))


def made(device: Literal["cpu", "cuda"], precision: Precision) -> list[Tensor | Held]:
    weights = str(shipped_file(resolve_name("compact")))
    spec = InterpolatorSpec(method="superslomo", weights_path=weights, precision=precision, device=device)
    model = open_interpolator(spec)
    assert isinstance(model, SuperSlomo)
    return list(model.between(texture(96, 128), texture(96, 128).roll(3, dims=-1), TIMES))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_gpu_makes_the_frames_of_the_cpu(precision: Precision) -> None:
    for here, there in zip(made("cuda", precision), made("cpu", "fp32"), strict=True):
        assert isinstance(here, Tensor)
        assert isinstance(there, Tensor)
        psnr_db = -10 * float((here.clamp(0, 1) - there.clamp(0, 1)).square().mean().log10())
        assert psnr_db > 45


def test_the_same_pair_gives_the_same_bits_twice() -> None:
    for first, second in zip(made("cuda", "fp16"), made("cuda", "fp16"), strict=True):
        assert isinstance(first, Tensor)
        assert isinstance(second, Tensor)
        assert torch.equal(first, second)
