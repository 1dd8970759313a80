"""Source frames change their pixel format with as little loss as possible, and like interpolated frames."""

import numpy as np
import pytest

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import from_rgb, to_rgb
from slomo_batch.color.formats import convert
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.records.source_facts import ColorFacts
from tests.color.pictures import flat_picture, random_picture, spec_of

FULL = ColorFacts(range="full")


def test_a_picture_already_in_the_target_format_is_returned_as_the_same_object() -> None:
    picture = random_picture("yuv420p", 8, 6)
    assert convert(picture, PIXEL_FORMATS["yuv420p"], spec_of("yuv420p")) is picture


@pytest.mark.parametrize("facts", [ColorFacts(range="limited"), FULL])
@pytest.mark.parametrize(
    ("shallow", "deep"), [("yuv420p", "yuv420p10le"), ("yuv422p10le", "yuv422p16le"), ("gbrp", "gbrp12le")]
)
def test_a_higher_depth_and_back_is_exact(shallow: str, deep: str, facts: ColorFacts) -> None:
    picture, spec = random_picture(shallow, 31, 9), spec_of(shallow, facts)
    deeper = convert(picture, PIXEL_FORMATS[deep], spec)
    assert deeper.format.name == deep
    assert convert(deeper, PIXEL_FORMATS[shallow], spec).hash() == picture.hash()


def test_limited_range_changes_depth_by_a_rounded_shift() -> None:
    picture = flat_picture("yuv420p10le", (1023, 513, 514))
    made = convert(picture, PIXEL_FORMATS["yuv420p"], spec_of("yuv420p10le"))
    assert [int(plane[0, 0]) for plane in made.planes] == [255, 128, 129]
    back = convert(made, PIXEL_FORMATS["yuv420p10le"], spec_of("yuv420p"))
    assert [int(plane[0, 0]) for plane in back.planes] == [1020, 512, 516]


def test_full_range_keeps_white_and_neutral_when_depth_changes() -> None:
    picture = flat_picture("yuv444p", (255, 128, 128))
    made = convert(picture, PIXEL_FORMATS["yuv444p10le"], spec_of("yuv444p", FULL))
    assert [int(plane[0, 0]) for plane in made.planes] == [1023, 512, 512]
    made = convert(picture, PIXEL_FORMATS["yuv420p16le"], spec_of("yuv444p", FULL))
    assert [int(plane[0, 0]) for plane in made.planes] == [65535, 32768, 32768]


@pytest.mark.parametrize(
    "source", ["yuv444p", "yuv422p", "yuv420p", "yuv440p", "yuv411p", "yuv410p", "yuv420p10le", "gbrp"]
)
@pytest.mark.parametrize(
    "target", ["yuv444p", "yuv422p", "yuv420p", "yuv440p", "yuv411p", "yuv410p", "yuv422p10le", "gbrp", "gray"]
)
@pytest.mark.parametrize("facts", [ColorFacts(range="limited"), FULL])
def test_source_frames_are_converted_like_interpolated_frames(source: str, target: str, facts: ColorFacts) -> None:
    """Otherwise a converted video would flicker between the two."""
    picture, spec = random_picture(source, 21, 15), spec_of(source, facts)
    direct = convert(picture, PIXEL_FORMATS[target], spec)
    over_rgb = from_rgb(to_rgb(picture, spec), PIXEL_FORMATS[target], spec)
    for one, other in zip(direct.planes, over_rgb.planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_chroma_survives_upsampling_and_downsampling() -> None:
    picture = random_picture("yuv420p", 21, 15)
    spec = spec_of("yuv420p")
    deep = convert(picture, PIXEL_FORMATS["yuv444p16le"], spec)
    narrow = from_rgb(to_rgb(deep, spec), PIXEL_FORMATS["yuv420p16le"], spec)
    assert narrow.hash() == convert(picture, PIXEL_FORMATS["yuv420p16le"], spec).hash()


def test_gray_keeps_luma_and_gets_neutral_chroma() -> None:
    picture, spec = random_picture("yuv420p", 10, 6), spec_of("yuv420p")
    gray = convert(picture, PIXEL_FORMATS["gray"], spec)
    assert np.array_equal(gray.luma, picture.luma)
    colored = convert(gray, PIXEL_FORMATS["yuv422p10le"], spec_of("gray"))
    assert np.array_equal(colored.luma, picture.luma.astype(np.uint16) << 2)
    assert (colored.planes[1] == 512).all()
    assert colored.planes[2].shape == (6, 5)


@pytest.mark.parametrize(
    ("source", "target"), [("yuv420p", "yuv422p10le"), ("gray", "yuv422p10le"), ("gbrp", "yuv444p10le")]
)
def test_full_range_becomes_limited_like_in_interpolated_frames(source: str, target: str) -> None:
    picture = random_picture(source, 21, 15)
    spec = ColorSpec.of(FULL, PIXEL_FORMATS[source], 480, output_range="limited")
    direct = convert(picture, PIXEL_FORMATS[target], spec)
    over_rgb = from_rgb(to_rgb(picture, spec), PIXEL_FORMATS[target], spec)
    for one, other in zip(direct.planes, over_rgb.planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_black_and_white_of_full_range_are_those_of_limited_range() -> None:
    spec = ColorSpec.of(FULL, PIXEL_FORMATS["yuv444p"], 480, output_range="limited")
    for source, wanted in (((0, 128, 128), (64, 512, 512)), ((255, 128, 128), (940, 512, 512))):
        made = convert(flat_picture("yuv444p", source), PIXEL_FORMATS["yuv444p10le"], spec)
        assert tuple(int(plane[0, 0]) for plane in made.planes) == wanted


def test_the_same_format_in_another_range_is_converted() -> None:
    spec = ColorSpec.of(FULL, PIXEL_FORMATS["yuv422p10le"], 480, output_range="limited")
    made = convert(flat_picture("yuv422p10le", (1023, 512, 512)), PIXEL_FORMATS["yuv422p10le"], spec)
    assert int(made.luma[0, 0]) == 940


def test_alpha_is_opaque_dropped_or_of_full_range() -> None:
    spec = spec_of("yuv420p")
    opaque = random_picture("yuv420p", 10, 6)
    made = convert(opaque, PIXEL_FORMATS["yuva444p10le"], spec)
    assert (made.planes[3] == 1023).all()
    picture = opaque.with_opaque_alpha()
    picture.planes[3][:] = np.arange(10) * 28
    assert convert(picture, PIXEL_FORMATS["yuv420p"], spec).hash() == opaque.hash()
    deep = convert(picture, PIXEL_FORMATS["yuva420p10le"], spec)
    assert np.array_equal(deep.planes[3][0], np.rint(np.arange(10) * 28 * 1023 / 255))
    assert np.array_equal(deep.planes[0], opaque.luma.astype(np.uint16) << 2)
