"""Pictures convert to RGB and back without loss, and RGB is as the standards define it."""

import sys
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from slomo_batch.color.color_spec import LUMA_WEIGHTS, ColorSpec, output_color_tags
from slomo_batch.color.conversion import from_rgb, to_rgb
from slomo_batch.errors import SourceUnsupported
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.records.source_facts import ColorFacts
from tests.color.pictures import flat_picture, random_picture, spec_of

LIMITED, FULL = ColorFacts(range="limited"), ColorFacts(range="full")
LOCATIONS = ["unspecified", "left", "center", "topleft", "top", "bottomleft", "bottom"]
OPAQUE = [name for name, form in PIXEL_FORMATS.items() if not form.has_alpha]
YUV = [name for name in OPAQUE if PIXEL_FORMATS[name].model == "yuv"]


@pytest.mark.parametrize("name", OPAQUE)
def test_every_picture_comes_back_from_rgb_exactly(name: str) -> None:
    for unsaid, location in product((LIMITED, FULL), LOCATIONS):
        spec = spec_of(name, replace(unsaid, chroma_location=location))
        for width, height in ((17, 13), (16, 8), (1, 1), (2, 3)):
            picture = random_picture(name, width, height)
            back = from_rgb(to_rgb(picture, spec), PIXEL_FORMATS[name], spec)
            assert back.hash() == picture.hash(), f"{unsaid.range} {location} {width}x{height}"


@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
def test_every_matrix_is_undone_exactly(matrix: str) -> None:
    spec = spec_of("yuv422p10le", ColorFacts(range="limited", matrix=matrix))
    picture = random_picture("yuv422p10le", 32, 18)
    assert from_rgb(to_rgb(picture, spec), picture.format, spec).hash() == picture.hash()


@pytest.mark.parametrize(
    ("matrix", "rgb", "samples"),
    [
        ("bt709", (1, 0, 0), (63, 102, 240)),
        ("bt709", (0, 1, 0), (173, 42, 26)),
        ("bt709", (0, 0, 1), (32, 240, 118)),
        ("smpte170m", (1, 0, 0), (81, 90, 240)),
        ("smpte170m", (0, 1, 0), (145, 54, 34)),
        ("smpte170m", (0, 0, 1), (41, 240, 110)),
        ("bt709", (1, 1, 1), (235, 128, 128)),
        ("bt709", (0, 0, 0), (16, 128, 128)),
    ],
)
def test_color_bars_have_their_published_samples(
    matrix: str, rgb: tuple[int, int, int], samples: tuple[int, int, int]
) -> None:
    spec = spec_of("yuv444p", ColorFacts(range="limited", matrix=matrix))
    made = from_rgb(
        torch.tensor(rgb, dtype=torch.float32)[:, None, None].expand(3, 4, 6), PIXEL_FORMATS["yuv444p"], spec
    )
    assert tuple(int(plane[0, 0]) for plane in made.planes) == samples
    torch.testing.assert_close(
        to_rgb(flat_picture("yuv444p", samples), spec)[:, 0, 0],
        torch.tensor(rgb, dtype=torch.float32),
        rtol=0,
        atol=0.006,
    )


@pytest.mark.parametrize("name", YUV)
@pytest.mark.parametrize("facts", [LIMITED, FULL])
def test_gray_has_no_tint(name: str, facts: ColorFacts) -> None:
    spec = spec_of(name, facts)
    ramp_HW = torch.linspace(-0.1, 1.1, 48 * 8).reshape(8, 48)
    made = from_rgb(ramp_HW.expand(3, -1, -1), PIXEL_FORMATS[name], spec)
    neutral = 1 << (PIXEL_FORMATS[name].bit_depth - 1)
    assert (made.planes[1] == neutral).all()
    assert (made.planes[2] == neutral).all()
    rgb = to_rgb(made, spec)
    assert torch.equal(rgb[0], rgb[1])
    assert torch.equal(rgb[0], rgb[2])


@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
def test_black_and_white_have_the_sample_values_of_their_range(depth: int) -> None:
    name = "yuv420p" if depth == 8 else f"yuv420p{depth}le"
    unit = 1 << (depth - 8)
    limited = spec_of(name)
    assert to_rgb(flat_picture(name, (16 * unit, 128 * unit, 128 * unit)), limited).abs().max() == 0
    white = to_rgb(flat_picture(name, (235 * unit, 128 * unit, 128 * unit)), limited)
    torch.testing.assert_close(white, torch.ones_like(white), rtol=0, atol=1e-6)
    full = spec_of(name, ColorFacts(range="full"))
    white = to_rgb(flat_picture(name, ((1 << depth) - 1, 128 * unit, 128 * unit)), full)
    torch.testing.assert_close(white, torch.ones_like(white), rtol=0, atol=1e-6)


def test_limited_range_keeps_its_headroom_up_to_the_largest_sample() -> None:
    spec = spec_of("gray")
    rgb = torch.tensor([-1.0, -0.05, 1.05, 2.0]).reshape(1, 1, 4).expand(3, 2, 4)
    assert from_rgb(rgb, PIXEL_FORMATS["gray"], spec).luma[0].tolist() == [0, 5, 246, 255]


def test_gray_is_equal_red_green_and_blue() -> None:
    rgb = to_rgb(random_picture("gray10le", 9, 5), spec_of("gray10le"))
    assert torch.equal(rgb[0], rgb[1])
    assert torch.equal(rgb[1], rgb[2])


def test_planar_rgb_is_green_blue_red() -> None:
    rgb = to_rgb(flat_picture("gbrp", (255, 0, 51)), spec_of("gbrp", ColorFacts(range="full", matrix="gbr")))
    torch.testing.assert_close(rgb[:, 0, 0], torch.tensor([0.2, 1.0, 0.0]))


def test_an_unspecified_matrix_follows_from_the_picture_height() -> None:
    assert spec_of("yuv420p", height=719).matrix == "smpte170m"
    assert spec_of("yuv420p", height=720).matrix == "bt709"
    assert spec_of("gbrp", ColorFacts(range="full", matrix="gbr"), height=1080).matrix == "bt709"


@pytest.mark.parametrize(
    ("source", "matrix", "output", "tagged"),
    [
        ("yuv420p", "unspecified", "yuv422p10le", "unspecified"),
        ("yuv420p", "smpte170m", "yuv420p", "smpte170m"),
        ("gbrp", "gbr", "yuv420p", "bt709"),
        ("gbrp", "gbr", "gbrp", "gbr"),
        ("yuv444p", "bt709", "gbrp10le", "gbr"),
        ("yuv420p", "gbr", "yuv420p", "bt709"),
    ],
)
def test_the_output_is_tagged_with_the_matrix_of_its_samples(
    source: str, matrix: str, output: str, tagged: str
) -> None:
    facts = ColorFacts(range="full", matrix=matrix, primaries="bt709")
    found = output_color_tags(facts, PIXEL_FORMATS[source], PIXEL_FORMATS[output], 1080)
    assert found == replace(facts, matrix=tagged)


@pytest.mark.parametrize("matrix", ["ycgco", "bt2020c", "ictcp", "chroma-derived-nc", "smpte2085"])
def test_an_unknown_matrix_is_refused_and_named(matrix: str) -> None:
    with pytest.raises(SourceUnsupported, match=matrix):
        ColorSpec.of(ColorFacts(range="limited", matrix=matrix), PIXEL_FORMATS["yuv420p"], 1080)


def test_read_only_pictures_convert_and_rgb_is_not_modified() -> None:
    picture = random_picture("yuv420p", 8, 6)
    for plane in picture.planes:
        plane.flags.writeable = False
    spec = spec_of("yuv420p")
    rgb = to_rgb(picture, spec)
    before = rgb.clone()
    from_rgb(rgb, PIXEL_FORMATS["yuv420p"], spec)
    assert torch.equal(rgb, before)


@pytest.mark.parametrize("output", ["yuv444p", "yuv422p10le", "yuv420p", "yuv410p", "gbrp12le", "gray16le"])
def test_interpolated_frames_can_have_another_format(output: str) -> None:
    spec = spec_of("yuv420p")
    picture = flat_picture("yuv420p", (120, 100, 150), 23, 11)
    made = from_rgb(to_rgb(picture, spec), PIXEL_FORMATS[output], spec)
    assert (made.width, made.height) == (23, 11)
    for plane in made.planes:
        assert np.ptp(plane) == 0


@pytest.mark.bench
def test_speed_of_conversion_at_640x360() -> None:
    picture, spec = random_picture("yuv420p", 640, 360), spec_of("yuv420p")
    torch.set_num_threads(1)
    for _ in range(20):
        rgb = to_rgb(picture, spec)
        from_rgb(rgb, picture.format, spec)
    start = time.perf_counter()
    for _ in range(50):
        rgb = to_rgb(picture, spec)
    middle = time.perf_counter()
    for _ in range(50):
        from_rgb(rgb, picture.format, spec)
    to_ms, from_ms = (middle - start) * 20, (time.perf_counter() - middle) * 20
    sys.stdout.write(f"\n640x360 yuv420p on one thread: to RGB {to_ms:.2f} ms, from RGB {from_ms:.2f} ms\n")
    assert max(to_ms, from_ms) < 5
