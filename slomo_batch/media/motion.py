"""How much moves in a video, measured on a few small pictures."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import Rgb, rgb_frames_at

SMALL_PX = 96
"""Longest side of the small pictures."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def motion_at(reader: RangeReader, name: str, pts: Sequence[int]) -> float:
    """Return how much moves between successive frames: their least mean difference in luma, 0 to 255.

    The least, because a cut makes only one of the differences large.

    Args:
        reader: the source.
        name: what messages call it.
        pts: of three or more successive frames.

    Raises:
        SourceUnreadable, SourceUnsupported: the frames cannot be decoded.
    """
    return min(differences(rgb_frames_at(reader, name, pts, longest_px=SMALL_PX)))


def differences(small: Iterable[Rgb]) -> list[float]:
    """Return the mean difference in luma between each two successive pictures, 0 to 255."""
    lumas = [_luma(picture) for picture in small]
    return [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(lumas)]


def _luma(frame_HWC: Rgb) -> NDArray[np.float32]:
    return np.asarray(frame_HWC @ _LUMA, dtype=np.float32)
