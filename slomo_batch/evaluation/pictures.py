"""The pictures of a case: read, brought to the benchmark's view, and seen to fit together."""

from functools import partial
from pathlib import Path

import numpy as np

from slomo_batch.errors import SourceUnsupported
from slomo_batch.evaluation.datasets.dataset import Case, View
from slomo_batch.evaluation.image_files import grey_still, rgb_still
from slomo_batch.evaluation.trials import Rgb, Trial


def trial_of(case: Case) -> Trial:
    """The case as a trial, with one frame of context on either side where the data set has them.

    Raises:
        VideoError: a picture cannot be read, or is of another size than the first.
    """
    first = rgb_still(case.i0)
    read = partial(_alike, first=first, view=case.view)
    i0, i1 = viewed(first, case.view), read(case.i1)
    mask = grey_still(case.mask) if case.mask else None
    if mask is not None and mask.shape != first.shape[:2]:
        raise _odd_size(case.mask, mask.shape, first.shape)
    return Trial(
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


def viewed(picture: Rgb, view: View) -> Rgb:
    """What of the picture is used."""
    if view == "half":
        return halved(picture)
    if view == "centre":
        top, left = picture.shape[0] // 4, picture.shape[1] // 4
        return np.ascontiguousarray(picture[top : picture.shape[0] - top, left : picture.shape[1] - left])
    return picture


def halved(picture: Rgb) -> Rgb:
    """The picture by means over 2 x 2 pixels, halves rounded up, as OpenCV's area averaging has it.

    Raises:
        ValueError: a side is odd.
    """
    if picture.shape[0] % 2 or picture.shape[1] % 2:
        raise ValueError(f"only even sides can be halved, got {picture.shape}")
    wide = picture.astype(np.uint16)
    summed = wide[::2, ::2] + wide[::2, 1::2] + wide[1::2, ::2] + wide[1::2, 1::2]
    means: Rgb = ((summed + 2) // 4).astype(np.uint8)
    return means


def _alike(path: Path, first: Rgb, view: View) -> Rgb:
    picture = rgb_still(path)
    if picture.shape != first.shape:
        raise _odd_size(path, picture.shape, first.shape)
    return viewed(picture, view)


def _odd_size(path: Path | None, shape: tuple[int, ...], expected: tuple[int, ...]) -> SourceUnsupported:
    return SourceUnsupported(
        "the picture is of another size than the first of its case",
        where=str(path),
        expected=f"{expected[1]}x{expected[0]}",
        got=f"{shape[1]}x{shape[0]}",
    )
