"""H.264 may store the two fields of a picture in two packets (PAFF): the second one gives no picture of its own.

Which packets hold a second field follows from their times, once decoding has shown that the video has such packets:
the second field is half a picture later than the first.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slomo_batch.timeline.index import Bools, Int64s, VideoIndex

CODECS = frozenset({"h264"})
"""Codecs whose packets may hold a single field."""
MAX_LOST = 2
"""Pictures at the end of the decoded part that may be missing, because their second field was not read."""


def without_second_fields(
    index: VideoIndex, decoded_pts: Sequence[int | None], sources: Sequence[int | None], num_decoded: int
) -> VideoIndex:
    """The index with the packets of second fields marked as not presented; unchanged if there are none.

    `decoded_pts` are the timestamps of the pictures that the first `num_decoded` packets decode to, and `sources` the
    numbers of the packets in which they begin. Packets without timestamps, which the index places a whole picture
    apart, are expected to hold a field each: then a picture begins in every second packet.
    """
    if None in decoded_pts:
        is_half = num_decoded // 2 - MAX_LOST <= len(decoded_pts) <= -(-num_decoded // 2)
        is_every_second = all(source is None or source % 2 == 0 for source in sources)
        if not is_half or not is_every_second or num_decoded < 2:
            return index
        one_picture_apart = replace(index, pts=index.pts // 2)
        return _with_second(one_picture_apart, np.arange(len(index.pts)) % 2 == 1, 0)
    decoded = np.unique(np.array(decoded_pts, np.int64))
    if len(decoded) < 2 or len(decoded) + MAX_LOST >= num_decoded:
        return index
    picture_ticks = int(np.median(np.diff(decoded)))
    seen = np.zeros(len(index.pts), np.bool_)
    seen[:num_decoded] = True
    firsts = np.unique(index.pts[seen & ~_second_fields(index, picture_ticks, seen)])
    if not np.array_equal(firsts[: len(decoded)], decoded) or len(firsts) > len(decoded) + MAX_LOST:
        return index
    second = _second_fields(index, picture_ticks, ~index.is_discarded)
    shown_last = index.pts == index.pts[~index.is_discarded].max()
    return _with_second(index, second, picture_ticks if (second & shown_last).any() else index.last_duration)


def _with_second(index: VideoIndex, second: Bools, last_duration: int) -> VideoIndex:
    return replace(
        index,
        is_discarded=index.is_discarded | second,
        is_keyframe=index.is_keyframe & ~second,
        last_duration=last_duration,
    )


def _second_fields(index: VideoIndex, picture_ticks: int, among: Bools) -> Bools:
    """The packets of second fields: less than three quarters of a picture after a packet that is not one."""
    second = np.zeros(len(index.pts), np.bool_)
    places: Int64s = np.flatnonzero(among)
    first: int | None = None
    for place in places[np.argsort(index.pts[places], kind="stable")].tolist():
        pts = int(index.pts[place])
        if first is not None and 0 < 4 * (pts - first) < 3 * picture_ticks:
            second[place], first = True, None
        else:
            first = pts
    return second
