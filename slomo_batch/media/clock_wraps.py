"""Undo the wraps of the 33-bit clock of transport and program streams.

The clock starts again every 26.5 hours. FFmpeg's demuxer undoes one wrap: its timestamps fall by 2^33 ticks 26.5 hours
after the first. The FFmpeg command line corrects that, so slomo_batch does too: times that fall by that much, give or
take a minute, continue.
"""

from typing import Any

import av

WRAP = 1 << 33
NEAR = 60 * 90_000
"""Ticks by which a fall may differ from a wrap. FFmpeg's demuxer allows the same minute."""


class ClockUnwrapper:
    """Shifts the timestamps of packets, taken in file order, so that those of a stream never wrap."""

    def __init__(self) -> None:
        self._latest: dict[int, int] = {}
        """By stream: the last timestamp, unwrapped."""

    def unwrap(self, packet: "av.Packet[Any]") -> "av.Packet[Any]":
        """The packet, with its timestamps unwrapped."""
        stream = packet.stream_index
        if packet.dts is not None:
            packet.dts = self._latest[stream] = self._unwrapped(stream, packet.dts)
        if packet.pts is not None:
            packet.pts = self._unwrapped(stream, packet.pts)
            if packet.dts is None:
                self._latest[stream] = packet.pts
        return packet

    def _unwrapped(self, stream: int, time: int) -> int:
        """The time, shifted by whole wraps if that continues the stream."""
        ahead = self._latest.get(stream, time) - time
        num_wraps = round(ahead / WRAP)
        return time + num_wraps * WRAP if abs(ahead - num_wraps * WRAP) <= NEAR else time
