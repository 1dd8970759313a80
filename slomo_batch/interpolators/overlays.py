"""Static overlays: logos and subtitles that stay where they are while the picture behind them moves.

A flow that follows the picture drags an overlay along, so it wobbles or doubles in frames that are made. Overlays are
found on the planes of the source frames, in whole numbers, so they are the same on every machine.

What is static for ten frames is mostly flat. An overlay also has edges, which are sharp and static at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slomo_batch.picture import Picture, Samples

CONTEXT = 4
"""Source frames beyond a pair, on either side, that its overlays are found in."""
MAX_CHANGE = 12
"""Largest difference of a sample of an overlay over the window, in 8-bit levels: coding changes what is static."""
MIN_CONTRAST = 64
"""Least difference of luma within 3x3 pixels at an edge of an overlay, in 8-bit levels."""
MIN_EDGE_PX = 8
"""Least number of pixels at such edges in a block of an overlay."""
MOVING_CHANGE = 4
"""A pixel moves if its luma changes by more than this over the window, in 8-bit levels."""
BLOCK_PX = 16
"""Side of a block. An overlay reaches from its edges to the end of the next block; and most blocks must move."""
MOVING_SHARE = 0.5
"""Least share of the blocks that move, so that something static counts as an overlay. A block moves if half of it does.
"""

Mask = NDArray[np.bool_]
"""[rows, columns]."""


def static_overlay(window: Sequence[Picture | None]) -> Mask | None:
    """Find the pixels that belong to static overlays.

    Args:
        window: source frames pair - CONTEXT to pair + 1 + CONTEXT, all of one format and size; None beyond the ends of
            the video.

    Returns:
        Whether each pixel does; None if none does, or too little of the picture moves.
    """
    pictures = [picture for picture in window if picture is not None]
    first = pictures[0]
    level = 1 << (first.format.bit_depth - 8)
    changes = [_range_of(planes) for planes in zip(*(picture.planes for picture in pictures), strict=True)]
    static = _static(changes, MAX_CHANGE * level)
    edges = static & (_contrast(first.luma) >= MIN_CONTRAST * level)
    blocks = _counts(edges) >= MIN_EDGE_PX
    if not blocks.any() or _moving_share(changes[0] > MOVING_CHANGE * level) < MOVING_SHARE:
        return None
    found = static & _at_pixels(_spread(blocks, np.logical_or), *static.shape)
    closed: Mask = _spread(_spread(found, np.logical_or), np.logical_and)
    return closed


def _static(changes: Sequence[Samples], limit: int) -> Mask:
    """Return whether each pixel changes by no more than the limit in any plane."""
    height, width = changes[0].shape
    static = np.ones((height, width), np.bool_)
    for change in changes:
        kept = change <= limit
        rows, columns = -(-height // kept.shape[0]), -(-width // kept.shape[1])
        static &= kept.repeat(rows, axis=0)[:height].repeat(columns, axis=1)[:, :width]
    return static


def _range_of(planes: Sequence[Samples]) -> Samples:
    """Return the largest difference of each sample over the planes."""
    least, most = planes[0].copy(), planes[0].copy()
    for plane in planes[1:]:
        np.minimum(least, plane, out=least)
        np.maximum(most, plane, out=most)
    most -= least
    return most


def _contrast(plane: Samples) -> Samples:
    """Return the largest difference within 3x3 samples around each."""
    range_3x3: Samples = _spread(plane, np.maximum) - _spread(plane, np.minimum)
    return range_3x3


def _spread(plane: NDArray[Any], join: Callable[..., Any]) -> NDArray[Any]:
    """Join each sample with its neighbors, 3x3, as far as they exist."""
    joined = plane.copy()
    join(joined[1:], plane[:-1], out=joined[1:])
    join(joined[:-1], plane[1:], out=joined[:-1])
    whole = joined.copy()
    join(whole[:, 1:], joined[:, :-1], out=whole[:, 1:])
    join(whole[:, :-1], joined[:, 1:], out=whole[:, :-1])
    return whole


# ---- blocks ----------------------------------------------------------------------------------------------------------


def _counts(mask: Mask) -> NDArray[np.int32]:
    """Return how many pixels of each block are set."""
    rows, columns = (np.arange(0, side, BLOCK_PX) for side in mask.shape)
    counts: NDArray[np.int32] = np.add.reduceat(np.add.reduceat(mask, rows, axis=0, dtype=np.int32), columns, axis=1)
    return counts


def _at_pixels(blocks: Mask, height: int, width: int) -> Mask:
    return blocks.repeat(BLOCK_PX, axis=0)[:height].repeat(BLOCK_PX, axis=1)[:, :width]


def _moving_share(moving: Mask) -> float:
    """Return the share of the blocks of which at least half moves."""
    return float((2 * _counts(moving) >= _counts(np.ones_like(moving))).mean())
