"""Shift the timestamps of a joined file's packets so that its parts follow one another, audio and video alike.

The video determines where parts begin and by how much they are shifted (`timeline.joins`). Near a join, audio may be
stored before or after the video it belongs to, so an audio track enters the next part where its own timestamps say
so.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av

from slomo_batch.media.packets import ArchivedPacket
from slomo_batch.timeline.index import VideoIndex
from slomo_batch.timeline.joins import NUM_LAST_PACKETS, first_frame_times

NEAR_PACKETS = 50
"""Audio of either part may be stored within this many video packets of a join."""
CONTINUOUS_S = Fraction(6, 100)
"""A packet that starts this close to the end of the previous one continues it."""
EXACT_S = Fraction(1, 1000)
"""A packet that starts this close to the end of the previous one comes from the same recording."""
LATE_PACKETS = 3
"""The last audio of a part may come up to this many video packets into the next part: demuxers hold one back."""
USUAL_S = Fraction(3, 10)
"""How much the lag of a track behind the video stored beside it, or its lead, may exceed the range seen so far."""


@dataclass(slots=True)
class _TrackTimes:
    """The shifted timestamps of one audio track so far."""

    end_s: Fraction
    """End of its last packet, shifted; initially the start of the video."""
    part: int = 0
    lag_s: tuple[Fraction, Fraction] | None = None
    """Smallest and largest lag in seconds of its packets behind the video stored just before them; negative: ahead."""

    def take(self, start_s: Fraction, duration_s: Fraction, lag_s: Fraction) -> None:
        """Record a packet by its shifted time."""
        self.end_s = start_s + duration_s
        least, most = self.lag_s or (lag_s, lag_s)
        self.lag_s = min(least, lag_s), max(most, lag_s)

    def misfit(self, start_s: Fraction, lag_s: Fraction) -> tuple[Fraction, bool, Fraction]:
        """How poorly a packet with this shifted time continues the track; the smallest value fits best."""
        least, most = self.lag_s or (lag_s, lag_s)
        unusual_s = max(least - USUAL_S - lag_s, lag_s - most - USUAL_S, Fraction(0))
        gap_s = abs(start_s - self.end_s)
        is_gap = gap_s > CONTINUOUS_S
        return unusual_s, is_gap, abs(lag_s) if is_gap and self.lag_s else gap_s


class JoinedTimestamps:
    """Shifts packets in file order, from the first packet on. `index` must have at least one join."""

    def __init__(self, index: VideoIndex) -> None:
        self._index = index
        self._first_packets = [join.first_packet for join in index.joins]
        self._offsets = [0, *(join.offset for join in index.joins)]
        firsts = first_frame_times(index.joins, index.pts, ~index.is_discarded)
        self._starts_s = [first * index.time_base for first in firsts]
        self._num_passed = 0
        self._tracks: dict[int, _TrackTimes] = {}

    def shift_video(self, packet: "av.Packet[Any]") -> "av.Packet[Any]":
        """Shift the next video packet; just before a join it gets the time in the index."""
        part = self._part_at(self._num_passed)
        offset = self._offsets[part]
        may_be_guessed = self._part_at(self._num_passed + NUM_LAST_PACKETS) > part
        if packet.pts is not None:
            packet.pts = int(self._index.pts[self._num_passed]) if may_be_guessed else packet.pts + offset
        self._num_passed += 1
        if packet.dts is not None:
            packet.dts += offset
        return packet

    def shift_audio(self, packet: ArchivedPacket, time_base: Fraction) -> ArchivedPacket | None:
        """Shift the next packet of an audio track; None if it would be heard outside its part of the video."""
        track = self._tracks.setdefault(packet.stream, _TrackTimes(end_s=self._starts_s[0]))
        time = packet.dts if packet.pts is None else packet.pts
        if time is None:
            return packet
        start_s, duration_s = time * time_base, (packet.duration or 0) * time_base
        track.part = self._part_of_audio(track, start_s)
        offset_s = self._offset_s(track.part)
        track.take(start_s + offset_s, duration_s, self._video_s - start_s - offset_s)
        if not self._is_within(track.part, start_s + offset_s + duration_s / 2):
            return None
        offset = round(offset_s / time_base)
        return replace(
            packet,
            pts=None if packet.pts is None else packet.pts + offset,
            dts=None if packet.dts is None else packet.dts + offset,
        )

    def _part_at(self, packet: int) -> int:
        return bisect_right(self._first_packets, packet)

    def _offset_s(self, part: int) -> Fraction:
        return self._offsets[part] * self._index.time_base

    @property
    def _video_s(self) -> Fraction:
        """Shifted time of the last video packet."""
        last = min(max(self._num_passed - 1, 0), len(self._index.pts) - 1)
        return int(self._index.pts[last]) * self._index.time_base

    def _part_of_audio(self, track: _TrackTimes, start_s: Fraction) -> int:
        """Among the parts whose video is stored nearby, the one in which the packet continues its track best."""
        here = max(self._num_passed - 1, 0)
        lowest = max(track.part, self._part_at(max(here - NEAR_PACKETS, 0)))
        possible = range(lowest, max(lowest, self._part_at(here + NEAR_PACKETS)) + 1)
        if len(possible) == 1:
            return lowest
        video_s, late = self._video_s, self._part_at(max(here - LATE_PACKETS, 0))
        if late in possible and abs(start_s + self._offset_s(late) - track.end_s) <= EXACT_S:
            return late

        def misfit(part: int) -> tuple[Fraction, bool, Fraction]:
            moved_s = start_s + self._offset_s(part)
            return track.misfit(moved_s, video_s - moved_s)

        return min(possible, key=misfit)

    def _is_within(self, part: int, time_s: Fraction) -> bool:
        """True if no other part is shown at this time. Nothing else is shown before the first part or after the
        last."""
        is_late = part + 1 < len(self._starts_s) and time_s >= self._starts_s[part + 1]
        return not is_late and (part == 0 or time_s >= self._starts_s[part])
