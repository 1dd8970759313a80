"""Color conversion gives the same bits on every device. On CUDA these tests are skipped without a GPU."""

import numpy as np
import pytest
import torch

from slomo_batch.color.conversion import ColorSpec, from_rgb, to_rgb
from slomo_batch.color.transfers import CPU, Download, to_cpu, to_device
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records import ColorFacts
from tests.color.pictures import random_picture, spec_of

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
on_devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu])])
SIZES = ((64, 36), (61, 35), (1, 1), (3, 2))
LUMAS = (0, 1, 15, 16, 17, 64, 126, 127, 128, 180, 234, 235, 236, 254, 255)
FACTS = tuple(
    ColorFacts(range=samples, matrix=matrix, chroma_location=location)  # type: ignore[arg-type]  # both literals
    for samples, matrix, location in (
        ("limited", "bt709", "left"),
        ("full", "smpte170m", "center"),
        ("limited", "bt2020nc", "topleft"),
        ("full", "smpte240m", "bottom"),
    )
)


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
@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_random_pictures_of_every_format(name: str, device: str) -> None:
    for seed, (width, height) in enumerate(SIZES):
        picture = random_picture(name, width, height, seed=seed)
        assert_same_bits(picture, spec_of(name, FACTS[seed]), device)


@on_devices
@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: f"{facts.range} {facts.matrix}")
def test_every_pair_of_chroma_samples(facts: ColorFacts, device: str) -> None:
    blue, red = (np.ascontiguousarray(each).astype(np.uint8) for each in np.mgrid[0:256, 0:256])
    for luma in LUMAS:
        picture = Picture(format=PIXEL_FORMATS["yuv444p"], planes=(np.full_like(blue, luma), blue, red))
        assert_same_bits(picture, spec_of("yuv444p", facts), device)


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
