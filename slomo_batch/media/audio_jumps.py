"""Find forward jumps of the audio timestamps in transport and program streams, to confirm jumps of the video.

If audio and video jump together, a recorder was paused or another broadcast follows; like FFmpeg, slomo_batch then
continues without a gap. If only the video jumps, pictures are missing while the audio continues: that gap stays.
"""

from fractions import Fraction
from typing import Any

import av
from av.stream import Stream

DISCONTINUOUS_FORMATS = frozenset({"mpegts", "mpeg"})
"""Demuxers of formats that permit timestamp discontinuities."""
MIN_JUMP_S = 10
"""A smaller jump is a gap (FFmpeg's dts_delta_threshold)."""
MIN_JUMP_STEPS = 100
"""A jump of fewer median picture durations is a gap too: a time-lapse has long durations."""
NEAR_PACKETS = 100
"""The audio must jump within this many video packets of the video's jump."""
TOLERANCE_S = 2
"""Maximum difference between the jumps of audio and video, which start and end at different times."""


class AudioJumps:
    """Records forward jumps in the timestamps of audio packets, taken in file order."""

    def __init__(self) -> None:
        self._latest_s: dict[int, Fraction] = {}
        self._found: list[tuple[int, Fraction]] = []

    def add(self, packet: "av.Packet[Any]", stream: Stream, num_video_packets: int) -> None:
        """Take the next packet of an audio track. `num_video_packets` is the number of video packets stored
        before it."""
        if packet.pts is None or stream.time_base is None:
            return
        time_s = packet.pts * stream.time_base
        jump_s = time_s - self._latest_s.get(stream.index, time_s)
        if jump_s > MIN_JUMP_S:
            self._found.append((num_video_packets, jump_s))
        self._latest_s[stream.index] = time_s

    def confirm(self, packet: int, jump_s: Fraction) -> bool:
        """True if the audio jumps like the video does at this packet, or if there is no audio."""
        return not self._latest_s or any(
            abs(place - packet) <= NEAR_PACKETS and abs(found_s - jump_s) <= TOLERANCE_S
            for place, found_s in self._found
        )
