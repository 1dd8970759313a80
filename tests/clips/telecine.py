"""MPEG-2 film with repeat-field flags, as on a DVD."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import av

from tests.clips.film import Film, Packet

NTSC, FIELD_RATE = Fraction(30000, 1001), Fraction(60000, 1001)
CLOCK = Fraction(1, 90_000)
_EXTENSION = b"\x00\x00\x01\xb5"
_SEQUENCE, _CODING = 1, 8
"""Ids of the extensions that hold the flags."""
_PROGRESSIVE_SEQUENCE, _TOP_FIRST, _REPEAT = 0x08, 0x80, 0x02


def telecined(fields: Sequence[int], suffix: str) -> Film:
    """A film whose frames last so many fields each, 2 or 3."""
    begins = list(accumulate(fields, initial=0))

    def edit(packets: list[Packet]) -> list[Packet]:
        return [_timed(packet, begins[n], fields[n]) for n, packet in enumerate(packets)]

    return Film(
        suffix=suffix,
        codec="mpeg2video",
        size=(64, 64),
        num_frames=len(fields),
        rate=NTSC,
        options={"g": "12", "bf": "0"},
        edit=edit,
    )


def _timed(packet: Packet, begin: int, num_fields: int) -> Packet:
    data = bytearray(packet)
    place = -1
    while (place := data.find(_EXTENSION, place + 1)) >= 0:
        if data[place + 4] >> 4 == _SEQUENCE:  # in a progressive sequence, the flag repeats frames instead of fields
            data[place + 5] &= ~_PROGRESSIVE_SEQUENCE
        if data[place + 4] >> 4 == _CODING:
            flags = data[place + 7] & ~(_TOP_FIRST | _REPEAT)
            data[place + 7] = flags | _TOP_FIRST * (begin % 2 == 0) | _REPEAT * (num_fields == 3)
    made: Packet = av.Packet(bytes(data))
    made.stream, made.time_base, made.is_keyframe = packet.stream, CLOCK, packet.is_keyframe
    made.pts = made.dts = round(begin / FIELD_RATE / CLOCK)
    made.duration = round(num_fields / FIELD_RATE / CLOCK)
    return made
