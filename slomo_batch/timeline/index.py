"""VideoIndex: what the packets of one video stream say, in its units; SourceTimeline: when its frames are shown."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.joins import Join, first_frame_times
from slomo_batch.timeline.rates import ConstantRate, find_constant_rate, snap_to_standard

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoIndex:
    """The packets of one video stream in decode order, in the stream's own time base.

    All arrays have one entry per packet. Pts may be negative and need not rise; a discarded packet is decoded for
    its neighbours' sake and never shown (edit lists).
    """

    time_base: Fraction
    """Seconds per tick."""
    pts: Int64s
    """Presentation timestamp of each packet, in ticks; where the file has joins, moved by their offsets."""
    size_bytes: Int64s
    """Payload size of each packet."""
    is_keyframe: Bools
    """True where decoding can start."""
    is_discarded: Bools
    """True where the packet's frame is not presented."""
    last_duration: int
    """Duration of the last presented frame as its packet has it, in ticks; 0 when unknown."""
    joins: tuple[Join, ...] = ()
    """Where the file's own timestamps start again, in rising order."""

    def __post_init__(self) -> None:
        lengths = {len(self.pts), len(self.size_bytes), len(self.is_keyframe), len(self.is_discarded)}
        if len(lengths) != 1:
            raise ValueError(f"VideoIndex arrays differ in length: {sorted(lengths)}")
        for array in (self.pts, self.size_bytes, self.is_keyframe, self.is_discarded):
            array.flags.writeable = False

    @property
    def frame_pts(self) -> Int64s:
        """Pts of the presented frames, strictly rising. Of packets with equal pts one frame is shown: the later one."""
        # Not np.unique: it hashes, which takes a second for a film; a stable sort is quick where most are in order.
        pts = np.sort(self.pts[~self.is_discarded], kind="stable")
        is_new = np.ones(len(pts), dtype=np.bool_)
        is_new[1:] = pts[1:] != pts[:-1]
        return pts[is_new]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTimeline:
    """When each source frame is shown. Zero is the first presented frame; time is counted in ticks of `tick_s`.

    For a recognised constant rate the tick is one frame (1 / rate), so timestamps rounded by the container are exact
    here; for a variable one it is the stream's time base.
    """

    tick_s: Fraction
    """Seconds per tick, exact."""
    ticks: Int64s
    """Instant of each source frame: 0 first, strictly rising."""
    end: int
    """Instant at which the last frame's own duration is over; beyond the last tick."""
    rate: Fraction | None
    """The constant frame rate, or None when it varies."""
    nominal_rate: Fraction
    """What `fps: source` means: the constant rate, else that of the median step snapped to a standard one."""

    def __post_init__(self) -> None:
        if not len(self.ticks) or self.ticks[0] != 0 or (np.diff(self.ticks) <= 0).any() or self.end <= self.ticks[-1]:
            raise ValueError("ticks must start at 0, rise strictly and stay below the end")
        self.ticks.flags.writeable = False

    @property
    def num_frames(self) -> int:
        """Number of presented source frames."""
        return len(self.ticks)

    @property
    def duration_s(self) -> Fraction:
        """Seconds from the first frame's instant to the end of the last frame's own duration."""
        return self.end * self.tick_s


FALLBACK_RATE = Fraction(25)
"""Frames per second assumed for a single frame whose file states neither rate nor duration."""


def source_timeline(index: VideoIndex, header_rates: tuple[Fraction, ...] = ()) -> SourceTimeline:
    """Place the frames of `index` in time. `header_rates`: frame rates the container states, the most trusted first.

    Raises:
        ValueError: the index has no presented frame.
    """
    pts = index.frame_pts
    if not len(pts):
        raise ValueError("the index has no presented frame")
    constant = find_constant_rate(pts, index.time_base, header_rates) or _shared_rate_of_parts(index, pts, header_rates)
    if constant is not None:
        own = round(index.last_duration * index.time_base * constant.rate)
        return SourceTimeline(
            tick_s=1 / constant.rate,
            ticks=constant.grid,
            end=int(constant.grid[-1]) + max(own, 1),
            rate=constant.rate,
            nominal_rate=constant.rate,
        )
    return _variable_rate_timeline(pts - pts[0], index, header_rates)


def _shared_rate_of_parts(index: VideoIndex, pts: Int64s, header_rates: tuple[Fraction, ...]) -> ConstantRate | None:
    """The constant rate that all parts of a joined file share, each rounded by the container in its own way."""
    if not index.joins:
        return None
    firsts = sorted(set(first_frame_times(index.joins, index.pts, ~index.is_discarded)))
    places = np.searchsorted(pts, firsts)
    grids: list[Int64s] = []
    rates: set[Fraction] = set()
    for first, stop in pairwise((*places.tolist(), len(pts))):
        found = find_constant_rate(pts[first:stop], index.time_base, header_rates)
        if found is None and stop - first > 1:
            return None
        grid = np.zeros(1, np.int64) if found is None else found.grid
        rates |= set() if found is None else {found.rate}
        grids.append(grid + (int(grids[-1][-1]) + 1 if grids else 0))
    return ConstantRate(rate=rates.pop(), grid=np.concatenate(grids)) if len(rates) == 1 else None


def _variable_rate_timeline(ticks: Int64s, index: VideoIndex, header_rates: tuple[Fraction, ...]) -> SourceTimeline:
    if len(ticks) == 1:
        rate = next((rate for rate in header_rates if rate > 0), FALLBACK_RATE)
        if index.last_duration > 0:
            return SourceTimeline(
                tick_s=index.time_base, ticks=ticks, end=index.last_duration, rate=None, nominal_rate=rate
            )
        return SourceTimeline(tick_s=1 / rate, ticks=ticks, end=1, rate=None, nominal_rate=rate)
    median = max(1, int(np.median(np.diff(ticks))))
    return SourceTimeline(
        tick_s=index.time_base,
        ticks=ticks,
        end=int(ticks[-1]) + (index.last_duration or median),
        rate=None,
        nominal_rate=snap_to_standard(1 / (median * index.time_base)),
    )
