"""FFmpeg frames and Picture hold the same samples."""

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.frames import frame_from_picture, picture_from_frame, planar_format_name
from slomo_batch.picture import PIXEL_FORMATS, Picture, Samples

WIDTH, HEIGHT = 50, 38


def noise(name: str, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    form = PIXEL_FORMATS[name]
    rng = np.random.default_rng(7)
    shapes = [form.plane_shape(plane, width, height) for plane in range(form.num_planes)]
    planes: list[Samples] = [
        rng.integers(0, 256, shape, np.uint8)
        if form.bit_depth == 8
        else rng.integers(0, form.max_value + 1, shape, np.uint16)
        for shape in shapes
    ]
    return Picture(format=form, planes=tuple(planes))


@pytest.mark.parametrize("name", sorted(PIXEL_FORMATS))
@pytest.mark.parametrize("size", [(50, 38), (33, 17), (1, 1)])
def test_a_picture_survives_conversion_to_a_frame_and_back(name: str, size: tuple[int, int]) -> None:
    picture = noise(name, *size)
    assert picture_from_frame(frame_from_picture(picture), picture.format).hash() == picture.hash()
    color = picture_from_frame(frame_from_picture(picture))
    assert color.hash() == picture.layers[0].hash(), "without alpha unless it is asked for"


@pytest.mark.parametrize(
    ("layout", "planar"),
    [
        ("nv12", "yuv420p"),
        ("nv16", "yuv422p"),
        ("nv24", "yuv444p"),
        ("p010le", "yuv420p10le"),
        ("p012le", "yuv420p12le"),
        ("p210le", "yuv422p10le"),
        ("yuyv422", "yuv422p"),
        ("uyvy422", "yuv422p"),
        ("y210le", "yuv422p10le"),
        ("xv36le", "yuv444p12le"),
        ("yuv422p10be", "yuv422p10le"),
        ("rgb24", "gbrp"),
        ("bgra", "gbrp"),
        ("rgb48le", "gbrp16le"),
        ("x2rgb10le", "gbrp10le"),
        ("yuva420p", "yuv420p"),
        ("yuva444p10le", "yuv444p10le"),
        ("ya8", "gray"),
    ],
)
@pytest.mark.parametrize("color_range", [1, 2])
def test_other_layouts_are_rearranged_without_changing_a_sample(layout: str, planar: str, color_range: int) -> None:
    picture = noise(planar)
    frame = frame_from_picture(picture)
    frame.color_range = color_range
    # One thread: of several, each with a slice of its own, one writes beyond its last line of packed 4:2:2.
    other = frame.reformat(
        format=layout,
        src_color_range=color_range,
        dst_color_range=color_range,
        interpolation=Interpolation.POINT,
        threads=1,
    )
    assert planar_format_name(layout) == planar
    assert picture_from_frame(other).hash() == picture.hash()


@pytest.mark.parametrize(
    ("pix_fmt", "planar"),
    [
        ("yuvj420p", "yuv420p"),
        ("yuvj444p", "yuv444p"),
        ("gbrap12le", "gbrp12le"),
        ("pal8", "gbrp"),
        ("monow", "gray"),
        ("gbrp9le", "gbrp10le"),
        ("gbrpf32le", "gbrp16le"),
        ("gray9le", "gray10le"),
        ("uyyvyy411", "yuv411p"),
        ("xyz12le", "gbrp12le"),
    ],
)
def test_every_layout_has_a_planar_name(pix_fmt: str, planar: str) -> None:
    assert planar_format_name(pix_fmt) == planar


def test_every_software_format_of_the_library_has_a_planar_name() -> None:
    decodable = {form.name for name in ("ffv1", "rawvideo") for form in av.Codec(name, "w").video_formats or ()}
    assert all(planar_format_name(name) in PIXEL_FORMATS for name in decodable)


def test_full_range_names_keep_their_samples() -> None:
    picture = noise("yuv420p")
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuvj420p")
    for plane, own in zip(frame.planes, frame_from_picture(picture).planes, strict=True):
        plane.update(bytes(own))
    assert picture_from_frame(frame).hash() == picture.hash()


def test_a_picture_has_the_requested_format() -> None:
    frame = frame_from_picture(noise("yuv420p"))
    assert picture_from_frame(frame, PIXEL_FORMATS["yuv420p10le"]).format.name == "yuv420p10le"


def test_a_palette_is_converted_to_its_colors() -> None:
    frame = av.VideoFrame(8, 8, "pal8")
    frame.planes[0].update(bytes(range(len(bytes(frame.planes[0])))))
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 2] = np.arange(256)  # BGRA in memory: red rises with the index
    frame.planes[1].update(palette.tobytes())
    green, blue, red = picture_from_frame(frame).planes
    assert (red[0] == np.arange(8)).all()
    assert not green.any()
    assert not blue.any()


@pytest.mark.parametrize("pix_fmt", ["vaapi", "no_such_format"])
def test_formats_without_samples_are_refused(pix_fmt: str) -> None:
    with pytest.raises(SourceUnsupported):
        planar_format_name(pix_fmt)
