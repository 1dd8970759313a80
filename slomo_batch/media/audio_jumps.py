"""Leaps: places where the clock of a transport or program stream jumps forward, for the sound as well as the video.

A recorder was paused, or another broadcast follows: by FFmpeg's rule such a stream goes on without a gap.
Where only the video jumps, pictures are missing while the sound goes on: that gap stays.
"""

from fractions import Fraction
from typing import Any

import av
from av.stream import Stream

DISCONTINUOUS_FORMATS = frozenset({"mpegts", "mpeg"})
"""Demuxers of formats whose clock may jump by rule."""
MIN_JUMP_S = 10
"""A smaller jump is a gap in time (FFmpeg's dts_delta_threshold)."""
MIN_JUMP_STEPS = 100
"""A jump of fewer usual steps between pictures is none either: a time-lapse has long steps."""
NEAR_PACKETS = 100
"""Video packets before or after the video's leap within which the sound's must be stored."""
TOLERANCE_S = 2
"""Sound and video end and begin at different instants: their leaps may differ by this."""


class AudioJumps:
    """Watches the times of sound packets, in the order of the file, for jumps forward."""

    def __init__(self) -> None:
        self._latest_s: dict[int, Fraction] = {}
        self._found: list[tuple[int, Fraction]] = []

    def see(self, packet: "av.Packet[Any]", stream: Stream, num_video_packets: int) -> None:
        """Take the next packet of a sound track; so many packets of the video were stored before it."""
        if packet.pts is None or stream.time_base is None:
            return
        time_s = packet.pts * stream.time_base
        leap_s = time_s - self._latest_s.get(stream.index, time_s)
        if leap_s > MIN_JUMP_S:
            self._found.append((num_video_packets, leap_s))
        self._latest_s[stream.index] = time_s

    def confirm(self, packet: int, leap_s: Fraction) -> bool:
        """True where the sound leaps as the video does at this packet, or there is no sound."""
        return not self._latest_s or any(
            abs(place - packet) <= NEAR_PACKETS and abs(found_s - leap_s) <= TOLERANCE_S
            for place, found_s in self._found
        )
