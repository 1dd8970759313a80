"""Measure which fields of successive pictures belong together, and which are repeated.

A field is woven with each field of the other parity that may belong to it: that of its own picture, and those of the
pictures before and after. If two fields were taken at different times, their weave has combs wherever something moves.
The fields of a film frame have none. The test for combs is that of FFmpeg's fieldmatch filter and of TFM: a sample
that differs from those above and below it in the same direction, and from what the five lines around it suggest. Only
moving places count, because sharp text that does not move looks like combs.

All arithmetic is on integers, so that the measures are the same on every machine.
"""

import numpy as np
from numpy.typing import NDArray

from slomo_batch.picture import Picture
from slomo_batch.timeline.field_measures import FieldMeasures

MAX_COLUMNS = 256
"""Columns of a picture that are examined, spread over its width."""
MIN_ROWS = 16
"""Pictures with fewer lines are not examined."""
COMB_LEVELS = 9
"""Smallest difference of a comb from the lines above and below it, in 8-bit levels: fieldmatch's `cthresh`."""
MOVING_LEVELS = 8
"""Smallest change of a sample from picture to picture that counts as motion, in 8-bit levels."""
BLOCK = 16
"""Rows and examined columns of the blocks of which the most combed one is found."""
Luma = NDArray[np.int16]
Mask = NDArray[np.bool_]


class FieldMatching:
    """The measures of successive pictures, each compared with the one before it."""

    def __init__(self) -> None:
        self._last: Luma | None = None

    def add(self, picture: Picture) -> FieldMeasures:
        """Measure the next picture. The first one, and one of another size than the one before, has no measures."""
        luma, before = examined_luma(picture), self._last
        self._last = luma
        return FieldMeasures() if before is None else field_measures(before, luma)


def examined_luma(picture: Picture) -> Luma:
    """Luma in 8-bit levels, of a part of the columns."""
    luma = picture.luma
    columns = luma[:, :: -(-luma.shape[1] // MAX_COLUMNS)]
    return (columns >> (picture.format.bit_depth - 8)).astype(np.int16)


def field_measures(before: Luma, luma: Luma) -> FieldMeasures:
    """The measures of a picture and the one before it; none if they differ in size."""
    if before.shape != luma.shape or len(luma) < MIN_ROWS:
        return FieldMeasures()
    change = np.abs(luma - before)
    moving = change > MOVING_LEVELS
    moving[1:] |= moving[:-1]
    moving[:-1] |= moving[1:]
    own, own_peak = _combs(luma, luma, moving)
    top, top_peak = _combs(luma, before, moving)
    bottom, bottom_peak = _combs(before, luma, moving)
    beyond = np.maximum(change - MOVING_LEVELS, 0)
    return FieldMeasures(
        own=own,
        top=top,
        bottom=bottom,
        own_peak=own_peak,
        top_peak=top_peak,
        bottom_peak=bottom_peak,
        top_change=int(beyond[0::2].sum(dtype=np.int64)),
        bottom_change=int(beyond[1::2].sum(dtype=np.int64)),
        num_samples=luma.size,
    )


def _combs(top: Luma, bottom: Luma, moving: Mask) -> tuple[int, int]:
    """How combed the weave of the top field of one picture and the bottom field of another is at moving places.

    Returns the sum of what each combed sample is beyond the threshold, and the most combed samples of a block.
    """
    woven = top.copy()
    woven[1::2] = bottom[1::2]
    above2, above, line, below, below2 = (woven[n : len(woven) - 4 + n] for n in range(5))
    up, down = line - above, line - below
    differs = ((up > COMB_LEVELS) & (down > COMB_LEVELS)) | ((up < -COMB_LEVELS) & (down < -COMB_LEVELS))
    excess = np.abs(above2 + 4 * line + below2 - 3 * (above + below)) - 6 * COMB_LEVELS
    excess = np.where(differs & moving[2:-2], np.maximum(excess, 0), 0)
    return int(excess.sum(dtype=np.int64)), _most_in_a_block(excess > 0)


def _most_in_a_block(combed: Mask) -> int:
    rows, columns = (-(-size // BLOCK) * BLOCK for size in combed.shape)
    padded = np.zeros((rows, columns), np.bool_)
    padded[: combed.shape[0], : combed.shape[1]] = combed
    return int(padded.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).sum(axis=(1, 3), dtype=np.int32).max())
