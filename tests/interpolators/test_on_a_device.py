"""Pictures stay on the device of the interpolator.

The device is torch's `meta`, which computes shapes only: an operation that mixes it with the CPU fails, and so does one
that would wait for a device, since its tensors hold nothing that could be read.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from slomo_batch.color import conversion
from slomo_batch.color.conversion import planes_from_rgb, to_rgb
from slomo_batch.interpolators import dis
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import device_of, make_frames_on_cpu
from slomo_batch.interpolators.superslomo import inference, prior
from slomo_batch.interpolators.superslomo.compact import Compact
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.prior import PriorSearch
from slomo_batch.picture import PIXEL_FORMATS
from tests.color.pictures import random_picture, spec_of
from tests.interpolators.footage import texture

META = torch.device("meta")
TIMES = [Fraction(k, 4) for k in (1, 2, 3)]


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.to(device)


def luma_of_pair(i0_CHW: Tensor, i1_CHW: Tensor) -> tuple[dis.Levels, dis.Levels]:
    assert i0_CHW.device == i1_CHW.device == META
    height, width = i0_CHW.shape[-2:]
    return np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)


@pytest.fixture(autouse=True)
def a_device_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (conversion, prior, inference):
        monkeypatch.setattr(module, "to_device", to_device)
    monkeypatch.setattr(dis, "luma_of_pair", luma_of_pair)


@pytest.mark.parametrize("name", [name for name, form in PIXEL_FORMATS.items() if not form.has_alpha])
def test_colors_are_converted_there(name: str) -> None:
    rgb = to_rgb(random_picture(name, 61, 35), spec_of(name), META)
    assert rgb.device == META
    assert rgb.shape == (3, 35, 61)
    for number, plane in enumerate(planes_from_rgb(rgb, PIXEL_FORMATS[name], spec_of(name))):
        assert plane.device == META
        assert plane.dtype == (torch.uint8 if PIXEL_FORMATS[name].bit_depth == 8 else torch.int16)
        assert plane.shape == PIXEL_FORMATS[name].plane_shape(number, 61, 35)


def searching_there() -> Guided:
    return Guided(prior=PriorSearch(kind="dis-device", descent_iterations=1, refinement_iterations=0, median_px=3))


def without_prior() -> Guided:
    return Guided(prior=PriorSearch(kind="none"))


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("network", [Paper, Compact, Guided, searching_there, without_prior])
def test_frames_are_made_there(network: Callable[[], Network], scale: int) -> None:
    method = SuperSlomo(network(), device=META, precision="bf16", flow_scale=Fraction(1, scale), threads=1)
    assert device_of(method) == META
    frames = list(method.between(texture(35, 61).to(META), texture(35, 61).to(META), TIMES))
    assert len(frames) == len(TIMES)
    for frame in frames:
        assert isinstance(frame, Tensor)
        assert (frame.device, frame.dtype, frame.shape) == (META, torch.float32, (3, 35, 61))


def test_a_method_that_states_no_device_is_on_the_cpu() -> None:
    assert device_of(Blend()) == torch.device("cpu")
    (frame,) = make_frames_on_cpu(Blend(), (texture(2, 3), texture(2, 3)), TIMES[:1])
    assert isinstance(frame, Tensor)
    assert frame.device == torch.device("cpu")
