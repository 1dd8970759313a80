"""Convert source frames to the output's pixel format, without going through RGB if possible.

A picture already in the target format is returned as the same object. Bit depth changes by integer arithmetic
(limited range: a rounded shift; full range: scaled and rounded). Chroma is resampled with the same filters as in
interpolated frames. Alpha is converted apart from the color, which stays what it is where a picture is transparent.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from slomo_batch.color.chroma import upsample_chroma
from slomo_batch.color.color_spec import ALPHA_SPEC, ColorSpec
from slomo_batch.color.conversion import from_rgb, resample_chroma, to_rgb, to_samples
from slomo_batch.picture import Picture, PixelFormat, Samples


def convert(picture: Picture, target: PixelFormat, spec: ColorSpec) -> Picture:
    """The picture in the target format; the same object if it already is."""
    source = picture.format
    if source.name == target.name and spec.range == spec.output_range:
        return picture
    if source.has_alpha or target.has_alpha:
        return _with_alpha(picture, target, spec)
    if "rgb" in {source.model, target.model} and source.model != target.model:
        return from_rgb(to_rgb(picture, spec), target, spec)
    luma = convert_depth(picture.luma, source, target, spec)
    if target.model == "gray":
        return Picture(format=target, planes=(luma,))
    return Picture(format=target, planes=(luma, *_other_planes(picture, target, spec)))


def _with_alpha(picture: Picture, target: PixelFormat, spec: ColorSpec) -> Picture:
    """The picture in the target format, if one of the two has alpha."""
    layers = picture.layers
    color = convert(layers[0], target.opaque, spec)
    if not target.has_alpha:
        return color
    if not picture.format.has_alpha:
        return color.with_opaque_alpha()
    return Picture.of_layers((color, convert(layers[1], target.alpha_alone, ALPHA_SPEC)))


def _other_planes(picture: Picture, target: PixelFormat, spec: ColorSpec) -> list[Samples]:
    """All planes of the converted picture except the first."""
    source = picture.format
    if source.model == "gray":
        shape, neutral = target.plane_shape(1, picture.width, picture.height), spec.scaling(target).neutral
        return [as_samples(np.full(shape, int(neutral), np.int64), target) for _ in range(2)]
    if source.model == "rgb":
        return [convert_depth(plane, source, target, spec) for plane in picture.planes[1:]]
    if (source.chroma_shift_x, source.chroma_shift_y) == (target.chroma_shift_x, target.chroma_shift_y):
        return [convert_depth(plane, source, target, spec, chroma=True) for plane in picture.planes[1:]]
    return _converted_chroma(picture, target, spec)


def convert_depth(
    plane: Samples, source: PixelFormat, target: PixelFormat, spec: ColorSpec, *, chroma: bool = False
) -> Samples:
    """The plane's samples at the target's bit depth and range; the same array if both are the same."""
    if spec.range != spec.output_range:
        return _convert_range(plane, source, target, spec, chroma=chroma)
    if source.bit_depth == target.bit_depth:
        return plane
    if spec.range == "full":
        zeros = (1 << (source.bit_depth - 1), 1 << (target.bit_depth - 1)) if chroma else (0, 0)
        doubled = (plane.astype(np.int64) - zeros[0]) * (2 * target.max_value)
        codes = (doubled + source.max_value) // (2 * source.max_value) + zeros[1]
    elif target.bit_depth > source.bit_depth:
        codes = plane.astype(np.int64) << (target.bit_depth - source.bit_depth)
    else:
        shift = source.bit_depth - target.bit_depth
        codes = (plane.astype(np.int64) + (1 << (shift - 1))) >> shift
    return as_samples(codes.clip(0, target.max_value), target)


def _convert_range(
    plane: Samples, source: PixelFormat, target: PixelFormat, spec: ColorSpec, *, chroma: bool
) -> Samples:
    old, new = spec.scaling(source), spec.output_scaling(target)
    scale = new.chroma_span / old.chroma_span if chroma else new.luma_span / old.luma_span
    zeros = (old.neutral, new.neutral) if chroma else (old.black, new.black)
    codes = np.rint((plane.astype(np.float64) - zeros[0]) * scale + zeros[1])
    return as_samples(codes.astype(np.int64).clip(0, target.max_value), target)


def as_samples(codes: NDArray[np.int64], form: PixelFormat) -> Samples:
    """The codes in the integer type of the format's samples."""
    return codes.astype(np.uint8) if form.bit_depth == 8 else codes.astype(np.uint16)


def _converted_chroma(picture: Picture, target: PixelFormat, spec: ColorSpec) -> list[Samples]:
    """The chroma planes at the target's subsampling and bit depth."""
    source = picture.format
    shifts = source.chroma_shift_x, source.chroma_shift_y
    fewer = min(shifts[0], target.chroma_shift_x), min(shifts[1], target.chroma_shift_y)
    size = -(-picture.width >> fewer[0]), -(-picture.height >> fewer[1])
    old, new = spec.scaling(source), spec.output_scaling(target)
    planes_2hw = torch.from_numpy(np.stack(picture.planes[1:]).astype(np.float32)).sub_(old.neutral)
    doublings = shifts[0] - fewer[0], shifts[1] - fewer[1]
    wide_2hw = upsample_chroma(planes_2hw, spec.chroma_location, doublings, size)
    narrow_2hw = resample_chroma(wide_2hw, fewer, target, spec)
    return [to_samples(plane_hw, new.neutral, new.chroma_span / old.chroma_span, target) for plane_hw in narrow_2hw]
