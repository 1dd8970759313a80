"""AVI files that were joined one after the other: the audio of each part begins with its own pictures.

AVI has no timestamps: FFmpeg counts frames, and samples of audio, from the start of the file. If the audio of a part is
longer or shorter than its pictures, it counts that of all later parts too late or too early.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import av
from av.video.stream import VideoStream

from slomo_batch.media.reader import RangeReader

Packet: TypeAlias = "av.Packet[Any]"
_HEADER_BYTES = 12
"""Of a RIFF chunk: its name, its size, and the form of its content."""
MAX_CHUNKS = 10_000
"""Chunks of an AVI file after which the search ends; OpenDML adds one about every gigabyte."""


def joined_avi_note(reader: RangeReader, container: str, *, has_audio: bool) -> str:
    """Say how many AVI files were joined in this one; empty if it is one, has no audio, or is of another kind."""
    num_joined = len(later_avi_parts(reader)) if container == "avi" and has_audio else 0
    return f"{num_joined + 1} AVI files are joined in this one: each is played with its own audio" if num_joined else ""


def later_avi_parts(reader: RangeReader) -> list[int]:
    """The bytes at which the second AVI file of a joined one begins, the third, and so on."""
    at, starts = 0, []
    for _ in range(MAX_CHUNKS):
        reader.seek(at)
        head = reader.read(_HEADER_BYTES)
        if len(head) < _HEADER_BYTES or not head.startswith(b"RIFF"):
            break
        if head.endswith(b"AVI "):  # the form of a continuation is AVIX
            starts.append(at)
        size = int.from_bytes(head[4:8], "little")
        at += 8 + size + size % 2
    return starts[1:]


def in_step(packets: Iterator[Packet], video: VideoStream, part_starts: Sequence[int]) -> Iterator[Packet]:
    """The packets of a joined AVI in file order, the audio of each part shifted so that it begins with its pictures.

    `part_starts` are those of `later_avi_parts`. Audio that would be heard during the pictures of the next part is left
    out. Shifts are whole ticks of the audio track: those of MP3 at a variable rate are as long as a packet.
    """
    parts = _Parts(video)
    for packet in packets:
        part = bisect_right(part_starts, packet.pos or 0)
        if part > parts.number:
            yield from parts.ended()
            parts.number = part
        if packet.stream is video:
            yield packet
            yield from parts.shown(packet)
        else:
            yield from parts.heard(packet)
    yield from parts.waiting


class _Parts:
    """The part that is being read."""

    def __init__(self, video: VideoStream) -> None:
        self.number = 0
        self.waiting: list[Packet] = []
        """Audio packets that are ahead of the pictures."""
        self._tick_s = video.time_base or Fraction(1)
        self._begin_s = self._end_s = Fraction(0)
        """When the part's first picture is shown, and when the last one so far ends."""
        self._late_s: dict[int, Fraction] = {}
        """By track, how much later its audio is counted than it is heard."""
        self._leads_s: dict[int, Fraction] = {}
        """By track, how much later than the pictures it begins in its first part."""

    def shown(self, packet: Packet) -> list[Packet]:
        """Take a packet of the video. Returns the audio that no longer waits for it."""
        self._end_s = ((packet.dts or 0) + 1) * self._tick_s
        self.waiting, ready = self._split()
        return ready

    def heard(self, packet: Packet) -> list[Packet]:
        """Take an audio packet, and shift it. Returns it if the pictures have come as far."""
        tick_s, number = packet.time_base or Fraction(1), packet.stream_index
        if packet.pts is None:
            return [packet]
        if number not in self._late_s:
            own_s = packet.pts * tick_s - self._begin_s
            self._late_s[number] = own_s - self._leads_s.setdefault(number, own_s)
        shift = round(self._late_s[number] / tick_s)
        packet.pts -= shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        self.waiting.append(packet)
        self.waiting, ready = self._split()
        return ready

    def ended(self) -> list[Packet]:
        """The part has ended. Returns the audio that is heard during its pictures."""
        _, ready = self._split()
        self.waiting, self._begin_s = [], self._end_s
        self._late_s = {}
        return ready

    def _split(self) -> tuple[list[Packet], list[Packet]]:
        """The waiting packets whose middle is after the pictures so far, and the others."""
        is_ready = [_middle_s(packet) < self._end_s for packet in self.waiting]
        pairs = list(zip(self.waiting, is_ready, strict=True))
        return [one for one, ready in pairs if not ready], [one for one, ready in pairs if ready]


def _middle_s(packet: Packet) -> Fraction:
    return ((packet.pts or 0) + Fraction(packet.duration or 0, 2)) * (packet.time_base or Fraction(1))
