"""Convert FFmpeg frames to Picture and back. Samples are copied exactly; they are rearranged only if Picture lacks the
layout.

Planar YUV, gray and planar RGB are copied sample by sample, without the padding at the end of FFmpeg's lines. Every
other layout (NV12, P010, packed YUV and RGB, palettes, big-endian words) is converted by one swscale call, without
change of size or range, to the planar format that `planar_format` returns. This is exact for every integer layout whose
depth `PIXEL_FORMATS` has. Alpha is read only if the target format has it; a frame without alpha is then opaque.
"""

import av
import numpy as np
from av.video.reformatter import Interpolation

from slomo_batch.errors import SourceUnsupported
from slomo_batch.picture import PIXEL_FORMATS, Picture, PixelFormat, Samples

_SAME_PLANES = (("yuvj", "yuv"), ("yuva", "yuv"), ("gbrap", "gbrp"))
"""Prefixes of formats whose first planes are those of another format: full-range names, and alpha as a fourth plane."""

_YUV_STEMS = {(0, 0): "yuv444p", (1, 0): "yuv422p", (1, 1): "yuv420p", (0, 1): "yuv440p", (2, 0): "yuv411p"}
_YUV_STEMS[2, 2] = "yuv410p"


def _same_planes(pix_fmt: str) -> str:
    """The format in PIXEL_FORMATS whose planes are the first planes of `pix_fmt`; empty if there is none."""
    for prefix, base in _SAME_PLANES:
        if pix_fmt.startswith(prefix):
            pix_fmt = base + pix_fmt.removeprefix(prefix)
    return pix_fmt if pix_fmt in PIXEL_FORMATS else ""


def planar_format(pix_fmt: str, *, alpha: bool = False) -> PixelFormat:
    """The planar format in which pictures of pixel format `pix_fmt` are held; with `alpha`, its variant with alpha.

    Raises:
        SourceUnsupported: see `planar_format_name`.
    """
    form = PIXEL_FORMATS[planar_format_name(pix_fmt)]
    return form.with_alpha if alpha else form


def may_have_alpha(layout: av.VideoFormat) -> bool:
    """True if pictures of this layout have alpha, or a palette, whose colors may be transparent."""
    return layout.has_palette or any(component.is_alpha for component in layout.components)


def has_alpha(frame: av.VideoFrame) -> bool:
    """True if the frame has alpha; a palette has it only if the frame has a pixel that is not opaque."""
    if not frame.format.has_palette:
        return may_have_alpha(frame.format)
    alpha = picture_from_frame(frame, PIXEL_FORMATS["gbrap"]).planes[-1]
    return bool((alpha < PIXEL_FORMATS["gbrap"].max_value).any())


def planar_format_name(pix_fmt: str) -> str:
    """FFmpeg's name of the planar format, without alpha, in which pictures of pixel format `pix_fmt` are held.

    Raises:
        SourceUnsupported: the format is unknown, or its samples are not in memory (hardware surfaces).
    """
    return _same_planes(pix_fmt) or _nearest_planar(pix_fmt)


def _nearest_planar(pix_fmt: str) -> str:
    """The planar format with the same model and subsampling and a sufficient bit depth."""
    size = 64
    try:
        layout = av.VideoFormat(pix_fmt, size, size)
    except ValueError as error:
        raise SourceUnsupported("unknown pixel format", got=repr(pix_fmt)) from error
    samples = [component for component in layout.components if not component.is_alpha]
    if not samples:
        raise SourceUnsupported(
            "hardware pixel formats are not supported", got=pix_fmt, remedy="Decode the video in software first."
        )
    if layout.has_palette or layout.is_bayer:
        return "gbrp"
    depth = max(component.bits for component in samples)
    if layout.is_rgb or pix_fmt.startswith("xyz"):
        return _with_depth("gbrp", depth)
    if len(samples) == 1:
        return _with_depth("gray", depth)
    shifts = ((size // samples[1].width).bit_length() - 1, (size // layout.chroma_height(size)).bit_length() - 1)
    return _with_depth(_YUV_STEMS[shifts], depth)


def _with_depth(stem: str, depth: int) -> str:
    """The format of this family with the smallest depth of at least `depth` bits, else with its largest depth."""
    family = [PIXEL_FORMATS[stem]]
    family += [form for name, form in PIXEL_FORMATS.items() if name.startswith(stem) and name.endswith("le")]
    family.sort(key=lambda form: form.bit_depth)
    return next((form.name for form in family if form.bit_depth >= depth), family[-1].name)


def picture_from_frame(frame: av.VideoFrame, target: PixelFormat | None = None) -> Picture:
    """The samples of `frame` as a Picture in `target`; by default in the planar format nearest to the frame's, without
    its alpha.

    Raises:
        SourceUnsupported: the frame's layout cannot be read as planes.
    """
    form = target or planar_format(frame.format.name)
    if form.has_alpha and not may_have_alpha(frame.format):
        return picture_from_frame(frame, form.opaque).with_opaque_alpha()
    if not _has_planes_of(frame, form):
        frame = _rearranged(frame, form.name)
    return Picture(format=form, planes=tuple(_samples(frame, form, number) for number in range(form.num_planes)))


def fit_frame(frame: av.VideoFrame, form: PixelFormat, width: int, height: int) -> av.VideoFrame:
    """The frame in this format and size: the same object if it already matches, else scaled by swscale (bicubic).

    A frame without alpha gets none.
    """
    form = form if may_have_alpha(frame.format) else form.opaque
    if (frame.width, frame.height) == (width, height):
        return frame if _has_planes_of(frame, form) else _rearranged(frame, form.name)
    return frame.reformat(
        width, height, form.name, interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND, threads=1
    )


def _has_planes_of(frame: av.VideoFrame, form: PixelFormat) -> bool:
    """True if the frame's first planes are those of the format."""
    return form.name in {frame.format.name, _same_planes(frame.format.name)}


def _rearranged(frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """The frame converted by swscale: same size, same range, without filtering neighboring samples."""
    return frame.reformat(
        format=pix_fmt,
        src_color_range=frame.color_range,
        dst_color_range=frame.color_range,
        interpolation=Interpolation.POINT | Interpolation.ACCURATE_RND,
        threads=1,
    )


def _samples(frame: av.VideoFrame, form: PixelFormat, number: int) -> Samples:
    plane = frame.planes[number]
    if plane.line_size < 0:
        raise SourceUnsupported("pictures stored bottom line first are not supported", got=frame.format.name)
    rows, columns = form.plane_shape(number, frame.width, frame.height)
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    if form.bit_depth == 8:
        return lines[:rows, :columns].copy()
    return lines[:rows, : 2 * columns].copy().view("<u2")


def frame_from_picture(picture: Picture) -> av.VideoFrame:
    """An FFmpeg frame with the picture's samples, without pts or color tags."""
    frame = av.VideoFrame(picture.width, picture.height, picture.format.name)
    for plane, samples in zip(frame.planes, picture.planes, strict=True):
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        row_bytes = np.ascontiguousarray(samples).view(np.uint8).reshape(samples.shape[0], -1)
        lines[: row_bytes.shape[0], : row_bytes.shape[1]] = row_bytes
    return frame
