"""The ladder protocol: keep every `factor`-th frame of a clip, and predict the frames between.

The first pair is left out, and so is every pair without a complete pair after it. The clip is read frame by frame; only
the frames that the methods' windows need are kept in memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalPair:
    """A pair of kept frames, and the true frames between them."""

    window: tuple[Rgb | None, ...]
    """Kept frames: `context` before the pair, the pair, `context` after; None beyond the ends of the clip."""
    pair: tuple[Rgb, Rgb]
    """The two frames in the middle of the window."""
    times: tuple[Fraction, ...]
    """Times of the true frames, in (0, 1)."""
    truths: tuple[Rgb, ...]
    """The true frame at each time."""
    first: int
    """Number of the first true frame: in a clip its index, from 0; in a case 1."""
    case: str = ""
    """Name of the data set case; empty for a clip."""
    mask: NDArray[np.uint8] | None = None
    """Motion mask of the data set, [H, W], black and white."""

    def window_for(self, context: int) -> tuple[Rgb | None, ...]:
        """Return the window for a method with less context."""
        beyond = (len(self.window) - 2) // 2 - context
        return self.window[beyond : len(self.window) - beyond]


def select_frames(frames: Iterable[Rgb], *, skip: int, num: int | None, max_width: int | None) -> Iterator[Rgb]:
    """Yield frames [skip, skip + num) of a clip, downscaled to at most `max_width` by averaging whole blocks."""
    for frame in islice(frames, skip, None if num is None else skip + num):
        yield frame if max_width is None else downscale_to_width(frame, max_width)


def downscale_to_width(frame: Rgb, max_width: int) -> Rgb:
    """Average square blocks, the smallest that bring the width to `max_width`; incomplete blocks are cut off."""
    size = -(-frame.shape[1] // max_width)
    if size == 1:
        return frame
    height, width = frame.shape[0] // size, frame.shape[1] // size
    summed = np.zeros((height, width, 3), np.float32)
    for row in range(size):
        for column in range(size):
            summed += frame[row : height * size : size, column : width * size : size]
    means: Rgb = np.rint(summed / size**2).astype(np.uint8)
    return means


def eval_pairs(frames: Iterable[Rgb], *, factor: int, context: int) -> Iterator[EvalPair]:
    """Yield the pairs of a clip at one factor, in order."""
    buffered: dict[int, Rgb] = {}
    first, last = factor, -1
    for last, frame in enumerate(frames):
        buffered[last] = frame
        if last == first + factor * max(2, 1 + context):
            yield _eval_pair(buffered, first, factor, context)
            first += factor
            buffered = {number: kept for number, kept in buffered.items() if number >= first - factor * context}
    while first + 2 * factor <= last:
        yield _eval_pair(buffered, first, factor, context)
        first += factor


def _eval_pair(buffered: Mapping[int, Rgb], first: int, factor: int, context: int) -> EvalPair:
    steps = range(1, factor)
    return EvalPair(
        window=tuple(buffered.get(first + factor * offset) for offset in range(-context, 2 + context)),
        pair=(buffered[first], buffered[first + factor]),
        times=tuple(Fraction(step, factor) for step in steps),
        truths=tuple(buffered[first + step] for step in steps),
        first=first + 1,
    )
