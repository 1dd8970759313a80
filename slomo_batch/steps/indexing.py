"""The packet index and the source timeline of a planned video: one object in the work store, read by later steps."""

import io
from fractions import Fraction

import numpy as np

from slomo_batch.steps.bench import Bench
from slomo_batch.timeline.index import SourceTimeline, VideoIndex


def index_bytes(index: VideoIndex, timeline: SourceTimeline) -> bytes:
    """The packet index and the source timeline as one NumPy archive."""
    data = io.BytesIO()
    np.savez_compressed(
        data,
        pts=index.pts,
        size_bytes=index.size_bytes,
        is_keyframe=index.is_keyframe,
        is_discarded=index.is_discarded,
        last_duration=np.int64(index.last_duration),
        time_base=_ratio(index.time_base),
        ticks=timeline.ticks,
        end=np.int64(timeline.end),
        tick_s=_ratio(timeline.tick_s),
        rate=_ratio(timeline.rate or Fraction(0)),
        nominal_rate=_ratio(timeline.nominal_rate),
    )
    return data.getvalue()


def read_index(video_id: str, bench: Bench) -> tuple[VideoIndex, SourceTimeline]:
    """The packet index and the source timeline that the plan was made from."""
    with np.load(io.BytesIO(bench.work.get(bench.layout.index(video_id)))) as stored:
        index = VideoIndex(
            time_base=_fraction(stored["time_base"]),
            pts=stored["pts"],
            size_bytes=stored["size_bytes"],
            is_keyframe=stored["is_keyframe"],
            is_discarded=stored["is_discarded"],
            last_duration=int(stored["last_duration"]),
        )
        timeline = SourceTimeline(
            tick_s=_fraction(stored["tick_s"]),
            ticks=stored["ticks"],
            end=int(stored["end"]),
            rate=_fraction(stored["rate"]) or None,
            nominal_rate=_fraction(stored["nominal_rate"]),
        )
    return index, timeline


def _ratio(value: Fraction) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([value.numerator, value.denominator], dtype=np.int64)


def _fraction(pair: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Fraction:
    return Fraction(int(pair[0]), int(pair[1]))
