"""Read the pictures of a benchmark case, crop or downscale them to its view, and check their sizes."""

from functools import partial
from pathlib import Path

import numpy as np

from slomo_batch.errors import SourceUnsupported
from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, View
from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb
from slomo_batch.evaluation.image_files import read_gray, read_rgb


def load_case(case: BenchmarkCase) -> EvalPair:
    """Read a case, with one context frame on either side if the data set has them.

    Raises:
        VideoError: a picture cannot be read, or differs in size from the first.
    """
    first = read_rgb(case.i0)
    read = partial(_read_same_size, first=first, view=case.view)
    i0, i1 = apply_view(first, case.view), read(case.i1)
    mask = read_gray(case.mask) if case.mask else None
    if mask is not None and mask.shape != first.shape[:2]:
        raise _size_error(case.mask, mask.shape, first.shape)
    return EvalPair(
        window=(
            read(case.before) if case.before else None,
            i0,
            i1,
            read(case.after) if case.after else None,
        ),
        pair=(i0, i1),
        times=case.times,
        truths=tuple(read(path) for path in case.truths),
        first=1,
        case=case.name,
        mask=mask,
    )


def apply_view(picture: Rgb, view: View) -> Rgb:
    """Crop or downscale the picture to the view."""
    if view == "half":
        return downscale_2x(picture)
    if view == "center":
        top, left = picture.shape[0] // 4, picture.shape[1] // 4
        return np.ascontiguousarray(picture[top : picture.shape[0] - top, left : picture.shape[1] - left])
    return picture


def downscale_2x(picture: Rgb) -> Rgb:
    """Average 2x2 pixels, halves rounded up, as OpenCV's INTER_AREA does.

    Raises:
        ValueError: the height or width is odd.
    """
    if picture.shape[0] % 2 or picture.shape[1] % 2:
        raise ValueError(f"height and width must be even, got {picture.shape}")
    wide = picture.astype(np.uint16)
    summed = wide[::2, ::2] + wide[::2, 1::2] + wide[1::2, ::2] + wide[1::2, 1::2]
    means: Rgb = ((summed + 2) // 4).astype(np.uint8)
    return means


def _read_same_size(path: Path, first: Rgb, view: View) -> Rgb:
    picture = read_rgb(path)
    if picture.shape != first.shape:
        raise _size_error(path, picture.shape, first.shape)
    return apply_view(picture, view)


def _size_error(path: Path | None, shape: tuple[int, ...], expected: tuple[int, ...]) -> SourceUnsupported:
    return SourceUnsupported(
        "the picture differs in size from the first of its case",
        where=str(path),
        expected=f"{expected[1]}x{expected[0]}",
        got=f"{shape[1]}x{shape[0]}",
    )
