"""VideoIndex lists the packets of one video stream in its own units; SourceTimeline says when its frames are shown."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.joins import Join, first_frame_times
from slomo_batch.timeline.rates import MAX_OF_MEAN, ConstantRate, find_constant_rate, median_rate, nominal_rate
from slomo_batch.timeline.telecine import MixedTelecine, find_telecine

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoIndex:
    """The packets of one video stream in decode order, in the stream's own time base.

    All arrays have one entry per packet. Pts may be negative and need not increase. A discarded packet (edit lists)
    is decoded because other frames refer to it, but is not shown.
    """

    time_base: Fraction
    """Seconds per tick."""
    pts: Int64s
    """Presentation timestamp of each packet, in ticks. If the file has joins, their offsets are already added."""
    size_bytes: Int64s
    """Payload size of each packet, in bytes."""
    is_keyframe: Bools
    """True if decoding can start at the packet."""
    is_discarded: Bools
    """True if the packet's frame is not presented."""
    last_duration: int
    """Duration of the last presented frame as stated by its packet, in ticks; 0 if unknown."""
    joins: tuple[Join, ...] = ()
    """Where the timestamps of the file restart, in increasing order."""

    def __post_init__(self) -> None:
        lengths = {len(self.pts), len(self.size_bytes), len(self.is_keyframe), len(self.is_discarded)}
        if len(lengths) != 1:
            raise ValueError(f"VideoIndex arrays differ in length: {sorted(lengths)}")
        for array in (self.pts, self.size_bytes, self.is_keyframe, self.is_discarded):
            array.flags.writeable = False

    @property
    def frame_pts(self) -> Int64s:
        """Pts of the presented frames, strictly increasing. If packets share a pts, only the later one is shown."""
        # Not np.unique: it hashes, which takes a second for a feature film. A stable sort is fast on nearly sorted pts.
        pts = np.sort(self.pts[~self.is_discarded], kind="stable")
        is_new = np.ones(len(pts), dtype=np.bool_)
        is_new[1:] = pts[1:] != pts[:-1]
        return pts[is_new]

    @property
    def part_starts(self) -> tuple[int, ...]:
        """Numbers of the presented frames with which a part of a joined file begins, the first part aside."""
        firsts = first_frame_times(self.joins, self.pts, ~self.is_discarded)
        return tuple(sorted({*np.searchsorted(self.frame_pts, firsts).tolist()} - {0}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTimeline:
    """When each source frame is shown. Zero is the first presented frame; the unit is a tick of `tick_s` seconds.

    If the frame rate is constant, the tick is one frame (1 / rate), which undoes the container's rounding of
    timestamps. Otherwise it is the stream's time base.
    """

    tick_s: Fraction
    """Seconds per tick, exact."""
    ticks: Int64s
    """Time of each source frame, in ticks: 0 first, strictly increasing."""
    end: int
    """Time at which the last frame's own duration ends, in ticks; greater than the last tick."""
    rate: Fraction | None
    """The constant frame rate, or None if it varies."""
    nominal_rate: Fraction
    """The rate that `fps: source` means: the constant rate if there is one, else `rates.nominal_rate`."""
    num_film: int = 0
    """Number of frames that are film with repeated fields, whose times are evenly spaced again."""
    frames_per_picture: int = 1
    """2 if the frames are fields. A timecode counts pictures."""

    def __post_init__(self) -> None:
        if not len(self.ticks) or self.ticks[0] != 0 or (np.diff(self.ticks) <= 0).any() or self.end <= self.ticks[-1]:
            raise ValueError("ticks must start at 0, be strictly increasing and stay below the end")
        self.ticks.flags.writeable = False

    @property
    def num_frames(self) -> int:
        """Number of presented source frames."""
        return len(self.ticks)

    @property
    def picture_rate(self) -> Fraction:
        """The nominal rate of the pictures, which timecodes count."""
        return self.nominal_rate / self.frames_per_picture

    @property
    def duration_s(self) -> Fraction:
        """Seconds from the first frame to the end of the last frame's own duration."""
        return self.end * self.tick_s


FALLBACK_RATE = Fraction(25)
"""Frames per second assumed for a single frame if its file states neither rate nor duration."""


def source_timeline(index: VideoIndex, header_rates: tuple[Fraction, ...] = ()) -> SourceTimeline:
    """Build the timeline of the frames in `index`.

    `header_rates` are the frame rates that the container states, the most reliable first.

    Raises:
        ValueError: the index has no presented frame.
    """
    pts = index.frame_pts
    if not len(pts):
        raise ValueError("the index has no presented frame")
    found = _rate_of(pts, index.time_base, header_rates) or _shared_rate_of_parts(index, pts, header_rates)
    match found:
        case ConstantRate():
            return _constant_rate_timeline(found, index)
        case MixedTelecine():
            return _mixed_timeline(found, index)
        case None:
            return _variable_rate_timeline(pts - pts[0], index, header_rates)


def _rate_of(
    pts: Int64s, time_base: Fraction, header_rates: tuple[Fraction, ...]
) -> ConstantRate | MixedTelecine | None:
    """The constant rate of the frames, or the film among them; None if the rate varies otherwise."""
    constant = find_constant_rate(pts, time_base, header_rates)
    return constant or (find_telecine(pts, time_base) if len(pts) > 1 else None)


def _constant_rate_timeline(constant: ConstantRate, index: VideoIndex) -> SourceTimeline:
    """The timeline of a constant rate, whose tick is one frame."""
    last_frame_ticks = round(index.last_duration * index.time_base * constant.rate)
    return SourceTimeline(
        tick_s=1 / constant.rate,
        ticks=constant.grid,
        end=int(constant.grid[-1]) + max(last_frame_ticks, 1),
        rate=constant.rate,
        nominal_rate=constant.rate,
        num_film=constant.num_film,
    )


def _mixed_timeline(telecine: MixedTelecine, index: VideoIndex) -> SourceTimeline:
    """The timeline of a video that is partly film with repeated fields."""
    last_ticks = round(index.last_duration * index.time_base / telecine.tick_s)
    return SourceTimeline(
        tick_s=telecine.tick_s,
        ticks=telecine.ticks,
        end=int(telecine.ticks[-1]) + max(last_ticks, 4),
        rate=None,
        nominal_rate=telecine.rate,
        num_film=telecine.num_film,
    )


def _shared_rate_of_parts(index: VideoIndex, pts: Int64s, header_rates: tuple[Fraction, ...]) -> ConstantRate | None:
    """The constant rate that all parts of a joined file share, or None.

    The container rounds the timestamps of each part independently, so each part is examined alone.
    """
    if not index.joins:
        return None
    firsts = sorted(set(first_frame_times(index.joins, index.pts, ~index.is_discarded)))
    places = np.searchsorted(pts, firsts)
    grids: list[Int64s] = []
    rates: set[Fraction] = set()
    num_film = 0
    for first, stop in pairwise((*places.tolist(), len(pts))):
        part_rate = _rate_of(pts[first:stop], index.time_base, header_rates)
        if isinstance(part_rate, MixedTelecine) or (part_rate is None and stop - first > 1):
            return None
        grid = np.zeros(1, np.int64) if part_rate is None else part_rate.grid
        rates |= set() if part_rate is None else {part_rate.rate}
        num_film += 0 if part_rate is None else part_rate.num_film
        grids.append(grid + (int(grids[-1][-1]) + 1 if grids else 0))
    return ConstantRate(rate=rates.pop(), grid=np.concatenate(grids), num_film=num_film) if len(rates) == 1 else None


def _variable_rate_timeline(ticks: Int64s, index: VideoIndex, header_rates: tuple[Fraction, ...]) -> SourceTimeline:
    """The timeline of frames at these times, which have no constant rate."""
    if len(ticks) == 1:
        rate = next((rate for rate in header_rates if rate > 0), FALLBACK_RATE)
        if index.last_duration > 0:
            return SourceTimeline(
                tick_s=index.time_base, ticks=ticks, end=index.last_duration, rate=None, nominal_rate=rate
            )
        return SourceTimeline(tick_s=1 / rate, ticks=ticks, end=1, rate=None, nominal_rate=rate)
    nominal = nominal_rate(ticks, index.time_base, header_rates)
    median = max(1, int(np.median(np.diff(ticks))))
    is_in_bursts = median_rate(ticks, index.time_base) > MAX_OF_MEAN * nominal
    usual = round(1 / (nominal * index.time_base)) if is_in_bursts else median
    return SourceTimeline(
        tick_s=index.time_base,
        ticks=ticks,
        end=int(ticks[-1]) + (index.last_duration or usual),
        rate=None,
        nominal_rate=nominal,
    )
