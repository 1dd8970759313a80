"""Detect scene cuts and repeated frames: classify each pair from a fixed window of source pictures.

A pair is a repeat if its pictures are equal, or if they are nearly equal (a repeated frame with coding noise) and the
pairs before and after it move, which excludes slow pans. A pair is a cut if its pictures differ, motion does not
explain the difference, and the neighboring pairs differ much less: pans, zooms and fades last longer than one pair, and
a flash has two sides. Cuts are detected on small luma thumbnails with normalized brightness and contrast, without the
black bars around the pictures. A picture without structure, such as a black one, has no contrast to normalize: the step
next to it belongs to a fade if the contrast goes on changing.

The thresholds come from real clips and synthetic transitions, which docs/benchmarks/cuts.md lists with the results.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from slomo_batch.picture import Picture, Samples

CONTEXT = 1
"""Source frames beyond a pair, on either side, that its classification reads."""

Float32s = NDArray[np.float32]


class PairKind(Enum):
    """The kind of a pair of source frames."""

    MOVING = "moving"
    """Frames between the two can be interpolated."""
    CUT = "cut"
    """A scene ends with the first frame, and another begins with the second."""
    REPEAT = "repeat"
    """The second frame repeats the first."""


def classify_pair(window: Sequence[Picture | None]) -> PairKind:
    """Classify the pair in the middle of the window.

    Args:
        window: source frames pair - CONTEXT to pair + 1 + CONTEXT, all of one format and size; None beyond the ends of
            the video.

    Raises:
        ValueError: a frame of the pair is None.
    """
    before, i0, i1, after = window
    if i0 is None or i1 is None:
        raise ValueError("the window does not contain the pair")
    neighbors = [(before, i0)] if before else []
    neighbors += [(i1, after)] if after else []
    if _is_repeat(i0, i1, neighbors):
        return PairKind.REPEAT
    return PairKind.CUT if _is_cut(before, i0, i1, after) else PairKind.MOVING


def pair_kinds(pictures: Iterable[Picture]) -> Iterator[PairKind]:
    """Yield the kind of each pair of consecutive pictures of a video, in order; a few are in memory at a time."""
    nothing = [None] * CONTEXT
    window: deque[Picture | None] = deque(nothing, maxlen=2 + 2 * CONTEXT)
    for picture in chain(pictures, nothing):
        window.append(picture)
        if len(window) == window.maxlen and window[CONTEXT] is not None and window[CONTEXT + 1] is not None:
            yield classify_pair(tuple(window))


Pair = tuple[Picture, Picture]


# ---- repeats ---------------------------------------------------------------------------------------------------------

BLOCK_PX = 8
"""Side of the blocks in which coding noise is measured, in pixels."""
MAX_NOISE = 3.0
"""Largest mean absolute difference of a block, in 8-bit levels, that counts as coding noise of a repeat."""
MOVING_TIMES_NOISE = 4.0
"""The largest block difference of the pairs next to a noisy repeat is at least this many times larger."""
SUBSAMPLE_STEP = 4
MAX_SUBSAMPLED = 1.5
"""A pair with a larger mean difference, in 8-bit levels on every fourth pixel of every fourth row, is no repeat."""


def _is_repeat(i0: Picture, i1: Picture, neighbors: Sequence[Pair]) -> bool:
    subsample = np.s_[::SUBSAMPLE_STEP, ::SUBSAMPLE_STEP]
    if _levels(i0, i0.luma[subsample], i1.luma[subsample]).mean() > MAX_SUBSAMPLED:
        return False
    if all(np.array_equal(first, second) for first, second in zip(i0.planes, i1.planes, strict=True)):
        return True
    noise = _largest_change(i0, i1)
    return (
        noise <= MAX_NOISE
        and bool(neighbors)
        and all(_largest_change(*pair) >= MOVING_TIMES_NOISE * noise for pair in neighbors)
    )


def _largest_change(i0: Picture, i1: Picture) -> float:
    """Return the largest mean absolute difference of a block in any plane, in 8-bit levels."""
    return max(
        float(_block_means(_levels(i0, first, second), BLOCK_PX).max())
        for first, second in zip(i0.planes, i1.planes, strict=True)
    )


def _levels(form: Picture, first: Samples, second: Samples) -> Float32s:
    """Return absolute differences in 8-bit levels."""
    levels: Float32s = np.abs(np.subtract(first, second, dtype=np.float32))
    levels *= np.float32(2.0 ** (8 - form.format.bit_depth))
    return levels


def _block_means(planes: Float32s, size: int) -> Float32s:
    """Return the means of complete blocks of the last two axes; a plane smaller than a block counts as one."""
    rows, columns = min(size, planes.shape[-2]), min(size, planes.shape[-1])
    height, width = planes.shape[-2] // rows, planes.shape[-1] // columns
    whole, stack = planes[..., : height * rows, : width * columns], planes.shape[:-2]
    summed: Float32s = whole.reshape(*stack, height, rows, width * columns).sum(axis=-2)
    summed = summed.reshape(*stack, height, width, columns).sum(axis=-1)
    summed /= np.float32(rows * columns)
    return summed


# ---- cuts ------------------------------------------------------------------------------------------------------------

THUMBNAIL_COLUMNS = 64
"""Width of the thumbnail on which cuts are detected."""
MATCH_SIZE, MATCH_RANGE = 8, 8
"""Block matching on thumbnails: block side and search range in thumbnail pixels (an eighth of the width)."""
MIN_DIFFERENCE = 4.0
"""Thumbnails with a smaller mean absolute difference, in 8-bit levels, are no cut."""
MIN_RESIDUAL = 0.25
"""Smallest residual of a cut: the difference after block matching, in standard deviations of the picture."""
CUT_TIMES_NEIGHBORS = 1.8
"""Smallest ratio of the residual of a cut to those of the neighboring pairs."""
MIN_PRODUCT = 0.85
"""Smallest product of the two: a small residual must be the more unusual. A fast nod has 0.7."""
MIN_CONTRAST = 4.0
"""Lower limit of the standard deviation in normalization, in 8-bit levels, so that noise is not amplified."""


MAX_BLACK = 28.0
"""Cells of both thumbnails up to this level may be bars; video black is 16."""
MIN_AREA_SHARE = 4
"""What is not black is the picture if it is at least one part in so many of the width and of the height."""
FADE_GROWTH = 1.25
"""If the contrast next to a picture without structure changes by more than this factor in a frame, it is a fade."""


def _is_cut(before: Picture | None, i0: Picture, i1: Picture, after: Picture | None) -> bool:
    thumbnail_0, thumbnail_1 = _without_bars(_thumbnail(i0), _thumbnail(i1))
    if float(np.abs(thumbnail_0 - thumbnail_1).mean()) < MIN_DIFFERENCE:
        return False
    residual = _residual(thumbnail_0, thumbnail_1, is_enough=lambda bound: bound < MIN_RESIDUAL)
    if residual < MIN_RESIDUAL or _is_fading(i1, i0, before) or _is_fading(i0, i1, after):
        return False
    neighbors = [(before, i0)] if before else []
    neighbors += [(i1, after)] if after else []
    least = max(CUT_TIMES_NEIGHBORS, MIN_PRODUCT / residual)

    def is_larger_than(other: float) -> bool:
        return residual >= least * other

    return all(
        is_larger_than(_residual(*_without_bars(_thumbnail(first), _thumbnail(second)), is_enough=is_larger_than))
        for first, second in neighbors
    )


def _is_fading(flat: Picture, near: Picture, far: Picture | None) -> bool:
    """Whether `near` is a step of a fade from or to `flat`: the picture beyond it, `far`, has more contrast again."""
    if far is None or float(_thumbnail(flat).std()) >= MIN_CONTRAST:
        return False
    return float(_thumbnail(far).std()) > FADE_GROWTH * float(_thumbnail(near).std())


def _without_bars(thumbnail_0: Float32s, thumbnail_1: Float32s) -> tuple[Float32s, Float32s]:
    """Return the part of two thumbnails that is inside of black bars, if any: rows and columns in which one of both has
    a cell that is not black."""
    is_lit = np.maximum(thumbnail_0, thumbnail_1) > MAX_BLACK
    rows, columns = np.flatnonzero(is_lit.any(axis=1)), np.flatnonzero(is_lit.any(axis=0))
    if not len(rows):
        return thumbnail_0, thumbnail_1
    area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if any(MIN_AREA_SHARE * part < whole for part, whole in zip(is_lit[area].shape, is_lit.shape, strict=True)):
        return thumbnail_0, thumbnail_1
    return thumbnail_0[area], thumbnail_1[area]


def _thumbnail(picture: Picture) -> Float32s:
    """Return luma in 8-bit levels, averaged over square blocks to about THUMBNAIL_COLUMNS columns."""
    size = max(1, round(picture.width / THUMBNAIL_COLUMNS))
    step = max(1, size // 8)
    levels = picture.luma[::step, ::step].astype(np.float32)
    levels *= np.float32(2.0 ** (8 - picture.format.bit_depth))
    return _block_means(levels, max(1, size // step))


def _residual(thumbnail_0: Float32s, thumbnail_1: Float32s, *, is_enough: Callable[[float], bool]) -> float:
    """Return the mean difference of blocks to their best match in the other thumbnail, over both directions.

    Search ends at the first upper bound of it that is enough, and returns that.
    """
    normalized_0, normalized_1 = _normalized(thumbnail_0), _normalized(thumbnail_1)
    bounds = zip(_mismatches(normalized_0, normalized_1), _mismatches(normalized_1, normalized_0), strict=True)
    bound = np.inf
    for forward, backward in bounds:
        bound = (forward + backward) / 2
        if is_enough(bound):
            break
    return bound


def _normalized(thumbnail: Float32s) -> Float32s:
    """Normalize the thumbnail to mean 0 and standard deviation 1."""
    normalized: Float32s = (thumbnail - thumbnail.mean()) / np.float32(max(float(thumbnail.std()), MIN_CONTRAST))
    return normalized


def _mismatches(thumbnail: Float32s, other: Float32s) -> Iterator[float]:
    """Yield the mean difference of the thumbnail's blocks to their best match in the other, found in more and more rows
    of the search range, from its middle. It falls; the last one is that of the whole range."""
    height, width = thumbnail.shape
    padded = np.pad(other, MATCH_RANGE, mode="edge")
    best_match = np.float32(np.inf)
    for dy in sorted(range(2 * MATCH_RANGE + 1), key=lambda dy: abs(dy - MATCH_RANGE)):
        shifted_SHW = sliding_window_view(padded[dy : dy + height], width, axis=1).swapaxes(0, 1)
        means = _block_means(np.abs(shifted_SHW - thumbnail), MATCH_SIZE).min(axis=0)
        best_match = np.minimum(best_match, means)
        yield float(best_match.mean())
