"""State where a copied audio track ends, in the way of its new container.

The last packet of an Opus or AAC track decodes to a whole frame, of which only the beginning may belong to the track.
MP4 states that by a shorter duration, Matroska by the number of samples to discard.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.plan.containers import Container

SKIP_SAMPLES = "skip_samples"
"""FFmpeg's side data: samples to skip at the start and at the end of a packet's frame, and a reason for each."""
_SKIP = struct.Struct("<IIBB")
_WHOLE_FRAMES = frozenset({"aac", "opus"})
"""Codecs whose packets all decode to frames of one length."""
_ROUNDING_S = Fraction(1, 500)
"""A last packet that is shorter than the others by less than this is not cut: its container rounds durations."""


def with_stated_end(
    packets: Iterable[ArchivedPacket], header: StreamHeader, container: Container
) -> Iterator[ArchivedPacket]:
    """The packets of a copied track, with the end of the last one stated as in `container`."""
    last: ArchivedPacket | None = None
    usual = 0
    for packet in packets:
        if last is not None:
            usual = max(usual, last.duration or 0)
            yield last
        last = packet
    if last is not None:
        yield _with_end(last, usual, header, container) if header.codec in _WHOLE_FRAMES else last


def _with_end(packet: ArchivedPacket, usual: int, header: StreamHeader, container: Container) -> ArchivedPacket:
    stated_s = _discarded_s(packet, header)
    duration_s = (packet.duration or 0) * header.time_base
    missing_s = usual * header.time_base - duration_s
    if container.has_exact_times and 0 < stated_s < duration_s and missing_s < _ROUNDING_S:
        return replace(packet, duration=round((duration_s - stated_s) / header.time_base))
    if not container.has_exact_times and not stated_s and duration_s and missing_s >= _ROUNDING_S:
        data = _SKIP.pack(0, round(missing_s * header.sample_rate), 0, 0)
        return replace(packet, side_data=(*packet.side_data, (SKIP_SAMPLES, data)))
    return packet


def _discarded_s(packet: ArchivedPacket, header: StreamHeader) -> Fraction:
    """Seconds at the end of the packet's frame that do not belong to the track, as side data states them."""
    sides = [data for name, data in packet.side_data if name == SKIP_SAMPLES and len(data) == _SKIP.size]
    return Fraction(_SKIP.unpack(sides[0])[1], header.sample_rate) if sides else Fraction(0)
