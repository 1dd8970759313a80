"""FrameTime and OutputGrid: which source time each output frame shows, in exact rationals.

Output frame k is presented at k / rate. At a given `slowdown` it shows the source time z + k / (rate * slowdown), where
z is the time of the first source frame that is shown: 0, unless only a range of the source is. Source
frame i covers the source times s from its tick up to the next one: tick_i <= s < tick_(i+1), and t = (s - tick_i) /
(tick_(i+1) - tick_i).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np

from slomo_batch.timeline.index import Int64s, SourceTimeline
from slomo_batch.timeline.ramp import SpeedPart

NOTABLE_FRAME_RATIO = 50
"""More output frames per source frame than this are noted in the plan: a damaged timestamp may be the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTime:
    """What one output frame shows: the position `t` between source frames `pair` and `pair` + 1."""

    frame: int
    """Number of the output frame, from 0."""
    pair: int
    """The last source frame at or before the time shown. If it is the last of the video, its picture is held."""
    t: Fraction
    """Position within the pair, 0 <= t < 1; 0 is the source frame itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputGrid:
    """The output frames of one video: how many, at which rate, and which source times they show."""

    rate: Fraction
    """Output frames per second."""
    slowdown: Fraction
    """Output duration divided by source duration, >= 1."""
    num_frames: int
    """Number of output frames: ceil(duration * slowdown * rate)."""
    first_pair: int = 0
    """The source frame that output frame 0 shows."""
    first_tick: int = 0
    """Its time, in ticks of the source."""
    end_pair: int = 0
    """The source frame at which the output ends; 0 if it ends with the source."""
    parts: tuple[SpeedPart, ...] = ()
    """The parts of a ramp, in order, from `first_tick` on; empty if the slowdown is constant."""

    @classmethod
    def covering(
        cls, timeline: SourceTimeline, *, rate: Fraction, slowdown: Fraction, first_pair: int = 0, end_pair: int = 0
    ) -> "OutputGrid":
        """The grid that covers the timeline from one source frame up to another; with 0 and 0, all of it."""
        first_tick = int(timeline.ticks[first_pair])
        end = int(timeline.ticks[end_pair]) if end_pair else timeline.end
        duration_s = (end - first_tick) * timeline.tick_s
        return cls(
            rate=rate,
            slowdown=slowdown,
            num_frames=ceil(duration_s * slowdown * rate),
            first_pair=first_pair,
            first_tick=first_tick,
            end_pair=end_pair,
        )

    def ramped(self, timeline: SourceTimeline, parts: tuple[SpeedPart, ...]) -> "OutputGrid":
        """The same source frames with the speeds of these parts. `slowdown` is then the mean."""
        end = int(timeline.ticks[self.end_pair]) if self.end_pair else timeline.end
        num_frames = sum(part.num_frames for part in parts)
        source_s = (end - self.first_tick) * timeline.tick_s
        return replace(self, parts=parts, num_frames=num_frames, slowdown=num_frames / (self.rate * source_s))

    def source_tick(self, frame: int | Fraction, tick_s: Fraction) -> Fraction:
        """The source time that an output frame shows, in ticks of the source; also between two frames."""
        if not self.parts:
            return self.first_tick + frame * self.ticks_per_frame(tick_s)
        for part in self.parts:
            if frame < part.num_frames:
                return part.tick_at(frame)
            frame -= part.num_frames
        last = self.parts[-1]
        return last.tick_at(last.num_frames) + frame / (self.rate * tick_s)

    def output_s(self, source_s: Fraction, tick_s: Fraction) -> Fraction:
        """The output time at which a source time is shown, both in seconds from the first frame shown.

        Times before that frame or after the end are mapped as if the speed there went on.
        """
        if not self.parts:
            return source_s * self.slowdown
        if source_s < 0:
            return source_s / self.parts[0].first_speed
        tick, begin = self.first_tick + source_s / tick_s, Fraction(0)
        for part in self.parts:
            if tick < part.end_tick:
                return (begin + part.frame_at(max(tick, Fraction(part.first_tick)))) / self.rate
            begin += part.num_frames
        last = self.parts[-1]
        return begin / self.rate + (tick - last.end_tick) * tick_s / last.last_speed

    @property
    def is_range(self) -> bool:
        """Whether the output shows only a part of the source."""
        return (self.first_pair, self.end_pair) != (0, 0)

    def pairs(self, num_source_frames: int) -> range:
        """The pairs of source frames that are shown, of a source of so many frames."""
        return range(self.first_pair, self.end_pair or num_source_frames)

    def ticks_per_frame(self, tick_s: Fraction) -> Fraction:
        """Source ticks from one output frame to the next."""
        return 1 / (self.rate * self.slowdown * tick_s)

    def first_frames(self, timeline: SourceTimeline) -> Int64s:
        """For each source frame i, the first output frame at or after its tick; 0 before the first frame shown.

        Pair i has the output frames [first[i], first[i + 1]). The array has one entry more than there are source
        frames; the last entry is the number of output frames.
        """
        if self.parts:
            return self._first_frames_of_parts(timeline.ticks)
        step = self.ticks_per_frame(timeline.tick_s)
        ticks = timeline.ticks - self.first_tick
        if max(int(timeline.end) * step.denominator, step.numerator) >= 2**62:
            ticks = ticks.astype(object)
        first = -((-ticks * step.denominator) // step.numerator)
        return np.append(np.clip(first.astype(np.int64), 0, self.num_frames), np.int64(self.num_frames))

    def _first_frames_of_parts(self, ticks: Int64s) -> Int64s:
        first = np.full(len(ticks) + 1, self.num_frames, np.int64)
        first[: int(np.searchsorted(ticks, self.first_tick))] = 0
        begin = 0
        for part in self.parts:
            low, high = np.searchsorted(ticks, [part.first_tick, part.end_tick]).tolist()
            first[low:high] = begin + part.first_frames(ticks[low:high])
            begin += part.num_frames
        return np.minimum.accumulate(first[::-1])[::-1]

    def frame_times(self, ticks: Int64s, tick_s: Fraction, first_pair: int, frames: range) -> Iterator[FrameTime]:
        """What each of `frames` shows.

        `ticks` holds the ticks of source frames first_pair, first_pair + 1, ... through the frame after the last
        pair requested, or the last source frame. Times are computed one at a time, so memory does not grow with the
        number of frames.

        Raises:
            ValueError: a frame falls before the first tick given.
        """
        for frame in frames:
            instant = self.source_tick(frame, tick_s)
            place = int(np.searchsorted(ticks, instant.numerator // instant.denominator, side="right")) - 1
            if place < 0:
                raise ValueError(f"output frame {frame} falls before source frame {first_pair}")
            start = int(ticks[place])
            is_last = place + 1 >= len(ticks)
            t = Fraction(0) if is_last else (instant - start) / (int(ticks[place + 1]) - start)
            yield FrameTime(frame=frame, pair=first_pair + place, t=t)
