"""Deinterlaced frames keep the lines of their field, in luma and chroma; a part gives the same frames as the whole."""

from collections.abc import Sequence

import numpy as np
import pytest

from slomo_batch.media.deinterlace import can_deinterlace, deinterlaced
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import FieldOrder, Scan
from tests.clips.interlaced import Fields, moment, pictures

FORMATS = [name for name, form in PIXEL_FORMATS.items() if can_deinterlace(form, 64, 64)]


def noise(pixel_format: str, size: tuple[int, int], num: int) -> list[Picture]:
    form, rng = PIXEL_FORMATS[pixel_format], np.random.default_rng(1)
    kind = np.uint8 if form.bit_depth == 8 else np.uint16
    shapes = [form.plane_shape(number, *size) for number in range(form.num_planes)]
    return [
        Picture(format=form, planes=tuple(rng.integers(0, form.max_value + 1, shape, kind) for shape in shapes))
        for _ in range(num)
    ]


def assert_own_lines_kept(frames: Sequence[Picture], shown: Sequence[Picture], scan: Scan) -> None:
    for number, frame in enumerate(frames):
        is_second = number % scan.frames_per_picture
        own = slice((scan.field_order == "bff") ^ is_second, None, 2)
        for plane, decoded in zip(frame.planes, shown[number // scan.frames_per_picture].planes, strict=True):
            assert np.array_equal(plane[own], decoded[own])


@pytest.mark.parametrize("size", [(33, 35), (48, 38)])
@pytest.mark.parametrize("name", FORMATS)
def test_the_lines_of_the_field_are_those_of_the_picture(name: str, size: tuple[int, int]) -> None:
    shown = noise(name, size, 3)
    for scan in (Scan(field_order="tff", frames_per_picture=2), Scan(field_order="bff")):
        frames = list(deinterlaced(shown, scan))
        assert len(frames) == 3 * scan.frames_per_picture
        assert_own_lines_kept(frames, shown, scan)
        assert max(int(plane.max()) for frame in frames for plane in frame.planes) <= shown[0].format.max_value


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("per_picture", [1, 2])
def test_a_part_gives_the_frames_of_the_whole(order: FieldOrder, per_picture: int) -> None:
    scan, shown = Scan(field_order=order, frames_per_picture=per_picture), noise("yuv420p10le", (48, 38), 9)
    whole = [frame.hash() for frame in deinterlaced(shown, scan)]
    for start, stop in ((0, 4), (2, 7), (5, 9)):
        part = [frame.hash() for frame in deinterlaced(shown[start:stop], scan)]
        inner = slice(0 if start == 0 else per_picture, None if stop == 9 else -per_picture)
        assert part[inner] == whole[start * per_picture : stop * per_picture][inner]


def test_a_single_picture_gives_its_two_fields() -> None:
    scan, shown = Scan(field_order="tff", frames_per_picture=2), noise("yuv420p", (32, 32), 1)
    assert_own_lines_kept(list(deinterlaced(shown, scan)), shown, scan)


@pytest.mark.parametrize("per_picture", [1, 2])
def test_frames_of_a_single_picture_are_not_combed(per_picture: int) -> None:
    film = Fields(size=(96, 64), num_pictures=1)
    frames = list(deinterlaced(pictures(film), Scan(field_order="tff", frames_per_picture=per_picture)))
    assert len(frames) == per_picture
    for number, frame in enumerate(frames):
        filmed = moment(number, film.size, film.pix_fmt, film.speed)
        assert np.abs(frame.luma.astype(float) - filmed.luma)[4:-4].mean() < 4


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_frames_are_near_what_was_filmed_in_luma_and_chroma(pixel_format: str) -> None:
    film = Fields(pix_fmt=pixel_format, size=(96, 64), num_pictures=6)
    frames = list(deinterlaced(pictures(film), Scan(field_order="tff", frames_per_picture=2)))
    unit = PIXEL_FORMATS[pixel_format].max_value / 255
    for number in range(2, 10):
        filmed = moment(number, film.size, pixel_format, film.speed)
        for plane, expected in zip(frames[number].planes, filmed.planes, strict=True):
            error = np.abs(plane.astype(float) - expected)[4:-4]
            assert error.mean() < 1.5 * unit, "a wrong field order or parity of chroma lines is off by 5 and more"


@pytest.mark.parametrize(("name", "size"), [("yuv420p", (32, 6)), ("yuv420p", (4, 32)), ("yuv440p10le", (64, 64))])
def test_what_the_filter_does_not_take_is_known_before(name: str, size: tuple[int, int]) -> None:
    assert not can_deinterlace(PIXEL_FORMATS[name], *size)
