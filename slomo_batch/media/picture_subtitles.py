"""Read from the payload of a picture subtitle how long it is shown, and whether it needs the ones before it.

A PGS display set begins with a composition of objects (Blu-ray, 9.14.4; US 20090185789), a DVB display set has a page
composition (ETSI EN 300 743, 7.2.2), a DVD subpicture has control sequences with delays.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction

SPU_TICK_S = Fraction(1024, 90_000)
"""Unit of the delays of a DVD subpicture, in seconds."""
DVB_SYNC, DVB_PAGE = 0x0F, 0x10
"""First byte of each segment of a DVB display set, and the type of those that describe a page."""
_DVB_PREFIX, _PGS_COMPOSITION = 0x20, 0x16
_PGS_NEW = 0xC0
"""Bits of the composition state that are set where a decoder can start."""
_PGS_STATE_AT, _PGS_COUNT_AT = 7, 10
_DVB_PAGE_HEAD = 2
_SPU_STOP, _SPU_END = 0x02, 0xFF
_SPU_ARGUMENTS = {0x00: 0, 0x01: 0, 0x02: 0, 0x03: 2, 0x04: 2, 0x05: 6, 0x06: 4}
"""Bytes after each command of a control sequence."""


def begins_anew(codec: str, data: bytes) -> bool:
    """Whether the picture can be decoded without those before it."""
    match codec:
        case "hdmv_pgs_subtitle":
            return any(body[_PGS_STATE_AT] & _PGS_NEW for body in _compositions(data))
        case "dvb_subtitle":
            return any(body[1] >> 2 & 3 for body in _pages(data))
    return True


def shown_s(codec: str, data: bytes) -> Fraction | None:
    """For how long the picture is shown unless another follows, in seconds; None if there is no limit, 0 if it clears
    the screen."""
    match codec:
        case "hdmv_pgs_subtitle":
            return None if any(body[_PGS_COUNT_AT] for body in _compositions(data)) else Fraction(0)
        case "dvb_subtitle":
            return max((Fraction(body[0]) for body in _pages(data) if len(body) > _DVB_PAGE_HEAD), default=Fraction(0))
        case "dvd_subtitle":
            return max(
                (delay * SPU_TICK_S for delay, commands in spu_sequences(data) if _SPU_STOP in commands), default=None
            )
    return None


def _compositions(data: bytes) -> Iterator[bytes]:
    """The bodies of the segments of a PGS display set that say what is shown."""
    at = 0
    while at + 3 <= len(data):
        kind, size = struct.unpack_from(">BH", data, at)
        body = data[at + 3 : at + 3 + size]
        if kind == _PGS_COMPOSITION and len(body) > _PGS_COUNT_AT:
            yield body
        at += 3 + size


def dvb_pages(data: bytes) -> Iterator[int]:
    """Where the segments of a DVB display set begin that describe a page."""
    at = 2 if data[:1] == bytes([_DVB_PREFIX]) else 0
    while at + 6 < len(data) and data[at] == DVB_SYNC:
        if data[at + 1] == DVB_PAGE:
            yield at
        at += 6 + int.from_bytes(data[at + 4 : at + 6], "big")


def _pages(data: bytes) -> Iterator[bytes]:
    for at in dvb_pages(data):
        body = data[at + 6 : at + 6 + int.from_bytes(data[at + 4 : at + 6], "big")]
        if len(body) >= _DVB_PAGE_HEAD:
            yield body


def spu_sequences(data: bytes) -> Iterator[tuple[int, frozenset[int]]]:
    """The delay of each control sequence of a DVD subpicture, and its commands."""
    at = int.from_bytes(data[2:4], "big")
    while 0 < at <= len(data) - 4:
        delay, following = struct.unpack_from(">HH", data, at)
        yield delay, frozenset(_commands(data, at + 4))
        if following <= at:
            break
        at = following


def _commands(data: bytes, at: int) -> Iterator[int]:
    while at < len(data) and data[at] != _SPU_END and data[at] in _SPU_ARGUMENTS:
        yield data[at]
        at += 1 + _SPU_ARGUMENTS[data[at]]
