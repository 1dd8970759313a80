"""Color conversion gives the same bits on every device."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import from_rgb, to_rgb
from slomo_batch.color.transfers import CPU, Download, to_cpu, to_device
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import ColorFacts
from tests.color.pictures import random_picture, spec_of
from tests.gpu import color_bits
from tests.gpu.color_bits import FACTS, num_different
from tests.gpu.devices import needs_gpu, on_devices

SIZES = ((64, 36), (61, 35), (1, 1), (3, 2))


def assert_same_bits(picture: Picture, spec: ColorSpec, device: str) -> None:
    """To RGB and to the picture's own format, and to one more, on the CPU and on the device."""
    here, there = to_rgb(picture, spec), to_rgb(picture, spec, torch.device(device))
    assert there.device.type == device
    assert torch.equal(here.view(torch.int32), there.cpu().view(torch.int32))
    other = "yuv420p10le" if picture.format.bit_depth == 8 else "yuv422p"
    for target in (picture.format, PIXEL_FORMATS[other]):
        for expected, made in zip(
            from_rgb(here, target, spec).planes, from_rgb(there, target, spec).planes, strict=True
        ):
            assert made.dtype == expected.dtype
            np.testing.assert_array_equal(made, expected)


@on_devices
@pytest.mark.parametrize("name", [name for name, form in PIXEL_FORMATS.items() if not form.has_alpha])
def test_random_pictures_of_every_format(name: str, device: str) -> None:
    for seed, (width, height) in enumerate(SIZES):
        picture = random_picture(name, width, height, seed=seed)
        assert_same_bits(picture, spec_of(name, FACTS[seed]), device)


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: f"{facts.range} {facts.matrix}")
@pytest.mark.parametrize(
    ("device", "lumas"), [("cpu", range(0, 256, 51)), pytest.param("cuda", range(256), marks=needs_gpu)]
)
def test_all_samples_of_8_bits(device: str, lumas: range, facts: ColorFacts) -> None:
    assert num_different(facts, torch.device(device), lumas) == 0


def test_a_difference_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def almost(*args: Any) -> Tensor:
        rgb = to_rgb(*args)
        if len(args) > 2:  # on the device
            rgb[1, 7, 9] += 1e-7
        return rgb

    monkeypatch.setattr(color_bits, "to_rgb", almost)
    assert num_different(FACTS[0], torch.device("cpu"), range(128, 130)) == 2


@on_devices
def test_every_sample_of_16_bits(device: str) -> None:
    every = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    picture = Picture(format=PIXEL_FORMATS["gray16le"], planes=(every,))
    spec = spec_of("gray16le", ColorFacts(range="full"))
    assert_same_bits(picture, spec, device)
    np.testing.assert_array_equal(
        from_rgb(to_rgb(picture, spec, torch.device(device)), picture.format, spec).luma, every
    )


@on_devices
def test_tensors_come_back_from_a_device_with_one_wait(device: str) -> None:
    sent = [torch.arange(num, dtype=torch.int16) for num in (1, 1000, 5)]
    there = [to_device(tensor, torch.device(device)) for tensor in sent]
    assert all(tensor.device.type == device for tensor in there)
    for back, tensor in zip(to_cpu(*there), sent, strict=True):
        assert back.device == CPU
        assert torch.equal(back, tensor)


def test_on_the_cpu_nothing_is_copied() -> None:
    tensor = torch.arange(3)
    assert to_device(tensor, CPU) is tensor
    download = Download()
    assert download.add(tensor) is tensor
    download.wait()
