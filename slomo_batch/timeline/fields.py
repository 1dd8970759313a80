"""The timeline of an interlaced video whose fields become source frames."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from slomo_batch.timeline.index import SourceTimeline, VideoIndex


def field_timeline(pictures: SourceTimeline) -> SourceTimeline:
    """The timeline of the fields, in ticks of half the length.

    Picture i gives two frames: one at its own time, and one halfway to the next picture. That of the last picture is
    halfway to the end of its duration.
    """
    bounds = np.append(pictures.ticks, np.int64(pictures.end))
    ticks = np.column_stack((2 * bounds[:-1], bounds[:-1] + bounds[1:])).reshape(-1)
    return replace(
        pictures,
        tick_s=pictures.tick_s / 2,
        ticks=ticks,
        end=2 * pictures.end,
        rate=None if pictures.rate is None else 2 * pictures.rate,
        nominal_rate=2 * pictures.nominal_rate,
        num_film=2 * pictures.num_film,
        frames_per_picture=2,
    )


def picture_timeline(frames: SourceTimeline) -> SourceTimeline:
    """The timeline of the pictures, from that of their fields; a timeline of pictures is returned as it is."""
    if frames.frames_per_picture == 1:
        return frames
    return replace(
        frames,
        tick_s=2 * frames.tick_s,
        ticks=frames.ticks[::2] // 2,
        end=frames.end // 2,
        rate=None if frames.rate is None else frames.rate / 2,
        nominal_rate=frames.nominal_rate / 2,
        num_film=frames.num_film // 2,
        frames_per_picture=1,
    )


def frame_time_s(index: VideoIndex, frame: int, frames_per_picture: int) -> Fraction:
    """Seconds at which a source frame is shown, by the clock of the source."""
    pts = index.frame_pts
    picture, field = divmod(frame, frames_per_picture)
    neighbors = pts[picture : picture + 2] if picture + 1 < len(pts) else pts[picture - 1 : picture + 1]
    step = int(neighbors[-1] - neighbors[0])
    return (int(pts[picture]) + Fraction(field, frames_per_picture) * step) * index.time_base
