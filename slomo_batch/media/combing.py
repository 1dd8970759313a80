"""Decide from the samples whether a moving picture consists of two fields, and which of them was taken first.

The measure is that of FFmpeg's idet filter: how well the lines of one parity fit between lines of the other parity,
taken from the picture before, from the same picture, and from the one after. Between two fields, lines fit better the
closer in time the fields are. Two things differ from idet. Only moving places count, because sharp text that does not
move can differ so much from line to line that idet takes it for fields. And a picture counts as interlaced only if its
own lines do not fit better than those of its neighbors.
"""

from collections import deque
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from slomo_batch.picture import Picture

Verdict = Literal["progressive", "tff", "bff", "undetermined"]
MAX_COLUMNS = 256
"""Columns of a picture that are examined, spread over its width."""
MIN_ROWS = 16
"""Pictures with fewer lines are not examined."""
MOVING_SHARE = 1 / 32
"""Smallest change of a sample from picture to picture, as a share of its range, that counts as motion."""
MIN_MOVING_PLACES = 0.005
"""Smallest share of moving places. With less, the picture is undetermined."""
FIELD_RATIO = 1.04
"""idet's threshold: by which factor one order of the fields must fit better than the other."""
CLEARLY_INTERLACED, CLEARLY_PROGRESSIVE = 3, 2
"""By which factor the evidence for one kind must exceed that for the other."""
Luma = NDArray[np.int32]


class CombingCheck:
    """The verdicts on successive pictures. The first and the last lack a neighbor and get none."""

    def __init__(self) -> None:
        self._lumas: deque[Luma] = deque(maxlen=3)

    def add(self, picture: Picture) -> list[Verdict]:
        """Take the next picture, which must have the same size and format as those before it.

        Returns the verdict on the picture before it, in a list, which is empty if there is none.
        """
        luma = picture.planes[0]
        self._lumas.append(luma[:, :: -(-luma.shape[1] // MAX_COLUMNS)].astype(np.int32))
        if len(self._lumas) < 3 or luma.shape[0] < MIN_ROWS:
            return []
        return [_verdict(*self._lumas, moving_at=picture.format.max_value * MOVING_SHARE)]


def _verdict(before: Luma, picture: Luma, after: Luma, *, moving_at: float) -> Verdict:
    moving = np.maximum(abs(before - picture), abs(after - picture)) > moving_at
    moving = moving[:-2] | moving[1:-1] | moving[2:]
    if moving.mean() < MIN_MOVING_PLACES:
        return "undetermined"
    # Lines 1, 3, ... of the picture are at even places of the sums, because the first line has no neighbor above it.
    odd_before, even_before = _misfit(picture, before, moving)
    odd_after, even_after = _misfit(picture, after, moving)
    own = sum(_misfit(picture, picture, moving))
    if_tff, if_bff = even_before + odd_after, odd_before + even_after  # of the fields that would be neighbors in time
    better, worse = min(if_tff, if_bff), max(if_tff, if_bff)
    between_orders, below_own = worse - better, better - own
    if worse > FIELD_RATIO * better and between_orders > CLEARLY_INTERLACED * below_own:
        return "tff" if if_tff < if_bff else "bff"
    if below_own > CLEARLY_PROGRESSIVE * between_orders:
        return "progressive"
    return "undetermined"


def _misfit(picture: Luma, other: Luma, moving: NDArray[np.bool_]) -> tuple[int, int]:
    """How much the odd and the even lines of the picture differ from the lines above and below them in the other."""
    differences = (abs(other[:-2] + other[2:] - 2 * picture[1:-1]) * moving).sum(axis=1, dtype=np.int64)
    return int(differences[0::2].sum()), int(differences[1::2].sum())
