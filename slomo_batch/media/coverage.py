"""Which packets a decoder needs for a run of frames, computed from the index alone.

The coverage rule, for the frames with pts from a to b: from the last keyframe in decode order with pts <= a, through
the last packet in decode order with pts <= b, plus one more. Stopping at the first pts above b would miss frames
that are stored late.
"""

from collections.abc import Sequence

import numpy as np

from slomo_batch.timeline.index import Int64s, VideoIndex


def covering_packets(index: VideoIndex, first_pts: Sequence[int], last_pts: Sequence[int]) -> tuple[Int64s, Int64s]:
    """For each pair of a first and a last pts, the packets [start, end) to copy, as indices in decode order."""
    keyframes = np.flatnonzero(index.is_keyframe)
    place = _last_at_or_below(index.pts[keyframes], np.asarray(first_pts, dtype=np.int64))
    start = np.where(place >= 0, keyframes[np.maximum(place, 0)], 0) if len(keyframes) else np.zeros_like(place)
    last = _last_at_or_below(index.pts, np.asarray(last_pts, dtype=np.int64))
    end = np.minimum(np.maximum(last, start) + 2, len(index.pts))
    return start.astype(np.int64), end.astype(np.int64)


def _last_at_or_below(pts: Int64s, wanted: Int64s) -> Int64s:
    """For each wanted pts, the index of the last packet whose pts is at or below it; -1 if there is none."""
    lowest_from_here = np.minimum.accumulate(pts[::-1])[::-1]
    return np.searchsorted(lowest_from_here, wanted, side="right").astype(np.int64) - 1


def mean_lead_in(index: VideoIndex) -> float:
    """Number of packets to copy and decode for one frame, averaged over all presented frames."""
    pts = index.frame_pts
    start, end = covering_packets(index, pts, pts)  # type: ignore[arg-type]
    return float((end - start).mean())
