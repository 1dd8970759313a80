"""The source frames of a range in time: those that begin at or after its start, and before its end."""

from fractions import Fraction
from math import ceil

import numpy as np

from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.instants import parse_instant


def frames_in_range(timeline: SourceTimeline, *, start: str, end: str, duration: str) -> range:
    """The numbers of the source frames in the range; there may be none.

    `start`, `end` and `duration` are instants as text; empty means the start of the video, and its end.

    Raises:
        ValueError: a text is not an instant.
    """
    rate = timeline.picture_rate
    start_s = parse_instant(start).at(rate) if start else Fraction(0)
    end_s = timeline.duration_s
    if end:
        end_s = parse_instant(end).at(rate)
    elif duration:
        end_s = start_s + parse_instant(duration).at(rate)
    first = _first_frame_from(timeline, start_s)
    return range(first, _first_frame_from(timeline, end_s))


def _first_frame_from(timeline: SourceTimeline, time_s: Fraction) -> int:
    """The first frame that begins at this time or later."""
    return int(np.searchsorted(timeline.ticks, min(ceil(time_s / timeline.tick_s), timeline.end)))
