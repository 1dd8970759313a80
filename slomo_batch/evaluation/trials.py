"""The protocol of the ladder: of a clip's frames every `factor`-th is kept, those between are to be predicted.

The pairs at the ends are left out: the first one, and all that have not a whole pair after them. A clip passes frame by
frame; no more is held than the methods' windows need.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One pair of kept frames, and the true frames between them."""

    window: tuple[Rgb | None, ...]
    """Kept frames: `context` before the pair, its two, `context` after; None where the clip has none."""
    pair: tuple[Rgb, Rgb]
    """The two in its middle."""
    times: tuple[Fraction, ...]
    truths: tuple[Rgb, ...]
    """The true frame at each time."""
    first: int
    """Number of the first of them in the clip, from 0."""
    case: str = ""
    """Its name, where it is a case of a data set."""
    mask: NDArray[np.uint8] | None = None
    """Where the data set says there is motion, [H, W], black and white."""

    def seen_with(self, context: int) -> tuple[Rgb | None, ...]:
        """The part of the window that a method of less context sees."""
        beyond = (len(self.window) - 2) // 2 - context
        return self.window[beyond : len(self.window) - beyond]


def excerpt(frames: Iterable[Rgb], *, skip: int, num: int | None, max_width: int | None) -> Iterator[Rgb]:
    """Frames [skip, skip + num) of a clip, none wider than `max_width`: larger ones are averaged over whole blocks."""
    for frame in islice(frames, skip, None if num is None else skip + num):
        yield frame if max_width is None else shrunk(frame, max_width)


def shrunk(frame: Rgb, max_width: int) -> Rgb:
    """The frame by means over square blocks, as small as bring it to `max_width`; a rest at the edges is left out."""
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


def trials(frames: Iterable[Rgb], *, factor: int, context: int) -> Iterator[Trial]:
    """The trials of a clip at one factor, in order."""
    held: dict[int, Rgb] = {}
    first, last = factor, -1
    for last, frame in enumerate(frames):
        held[last] = frame
        if last == first + factor * max(2, 1 + context):
            yield _trial(held, first, factor, context)
            first += factor
            held = {number: kept for number, kept in held.items() if number >= first - factor * context}
    while first + 2 * factor <= last:
        yield _trial(held, first, factor, context)
        first += factor


def _trial(held: Mapping[int, Rgb], first: int, factor: int, context: int) -> Trial:
    steps = range(1, factor)
    return Trial(
        window=tuple(held.get(first + factor * place) for place in range(-context, 2 + context)),
        pair=(held[first], held[first + factor]),
        times=tuple(Fraction(step, factor) for step in steps),
        truths=tuple(held[first + step] for step in steps),
        first=first + 1,
    )
