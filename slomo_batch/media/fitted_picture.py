"""Fit a picture into another size: its shape is kept, and what remains is black."""

from fractions import Fraction

import av
import numpy as np

from slomo_batch.media.frames import fit_frame, picture_from_frame
from slomo_batch.picture import Picture, PixelFormat, Samples


def fitted_picture(frame: av.VideoFrame, form: PixelFormat, size: tuple[int, int], *, is_full_range: bool) -> Picture:
    """The frame in this format, scaled to fit into `size`, width and height in pixels, and centered.

    A frame of that size is not scaled. Alpha beside the frame is transparent.
    """
    if (frame.width, frame.height) == size:
        return picture_from_frame(fit_frame(frame, form, *size), form)
    inner = _inner_size((frame.width, frame.height), size, form)
    scaled = picture_from_frame(fit_frame(frame, form, *inner), form)
    left, top = (
        _even((size[0] - inner[0]) // 2, form.chroma_shift_x),
        _even((size[1] - inner[1]) // 2, form.chroma_shift_y),
    )
    planes = []
    for number, samples in enumerate(scaled.planes):
        is_chroma = form.model == "yuv" and number in {1, 2}
        shift_x, shift_y = (form.chroma_shift_x, form.chroma_shift_y) if is_chroma else (0, 0)
        whole: Samples = np.full(
            form.plane_shape(number, *size), _black(form, number, is_full_range=is_full_range), samples.dtype
        )
        rows, columns = samples.shape
        whole[top >> shift_y :, left >> shift_x :][:rows, :columns] = samples
        planes.append(whole)
    return Picture(format=form, planes=tuple(planes))


def _inner_size(size: tuple[int, int], outer: tuple[int, int], form: PixelFormat) -> tuple[int, int]:
    """The largest size with the shape of `size` that fits, in whole chroma samples where it is smaller than `outer`."""
    factor = min(Fraction(outer[0], size[0]), Fraction(outer[1], size[1]))
    shifts = form.chroma_shift_x, form.chroma_shift_y
    return tuple(  # type: ignore[return-value]  # a pair of a pair
        whole if factor * side == whole else min(whole, max(1 << shift, _even(round(factor * side), shift)))
        for side, whole, shift in zip(size, outer, shifts, strict=True)
    )


def _even(pixels: int, shift: int) -> int:
    """Round down to whole chroma samples."""
    return pixels >> shift << shift


def _black(form: PixelFormat, plane: int, *, is_full_range: bool) -> int:
    """The sample of black, or of transparency in a plane of alpha."""
    if form.model == "yuv" and plane in {1, 2}:
        return 1 << (form.bit_depth - 1)
    is_alpha = form.has_alpha and plane == form.num_planes - 1
    return 0 if is_alpha or is_full_range else 16 << (form.bit_depth - 8)
