"""Find the parts of a container file: boxes of MP4, elements of Matroska, chunks of AVI, tags of FLV, packets of TS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

MP4_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"udta"})
EBML_PARENTS = frozenset({0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0xA0, 0x1C53BB6B, 0xBB})
"""Segment, Info, Tracks, TrackEntry, Video, Audio, Cluster, BlockGroup, Cues, CuePoint."""
TS_PACKET = 188
FLV_HEADER, FLV_TAG_HEADER = 13, 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One part of a file, as byte offsets."""

    start: int
    body: int
    """Where its header ends."""
    end: int
    size_at: int
    """Where its size is written; equal to `start` where the format writes none."""
    size_bytes: int


def spans_of(data: bytes, suffix: str) -> list[Span]:
    """All parts of a file, in file order, parents before their children; none for a format without known parts."""
    walk = _WALKS.get(suffix)
    return list(walk(data)) if walk else []


def _mp4(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Span]:
    end = len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4])
        stop = at + size
        if size < 8 or stop > end:
            return
        yield Span(start=at, body=at + 8, end=stop, size_at=at, size_bytes=4)
        if data[at + 4 : at + 8] in MP4_PARENTS:
            yield from _mp4(data, at + 8, stop)
        at = stop


def _ebml(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Span]:
    end = len(data) if end is None else end
    while at < end and data[at]:
        size_at = at + _vint_bytes(data[at])
        if size_at >= end or not data[size_at]:
            return
        width = _vint_bytes(data[size_at])
        body = size_at + width
        size = int.from_bytes(data[size_at:body]) & ((1 << (7 * width)) - 1)
        unknown = size == (1 << (7 * width)) - 1
        stop = end if unknown else min(body + size, end)
        yield Span(start=at, body=body, end=stop, size_at=size_at, size_bytes=width)
        if int.from_bytes(data[at:size_at]) in EBML_PARENTS:
            yield from _ebml(data, body, stop)
        at = stop


def _vint_bytes(first: int) -> int:
    return 9 - first.bit_length()


def _riff(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Span]:
    end = len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        is_list = data[at : at + 4] in (b"RIFF", b"LIST")
        stop = min(at + 8 + size + size % 2, end)
        yield Span(start=at, body=at + (12 if is_list else 8), end=stop, size_at=at + 4, size_bytes=4)
        if is_list:
            yield from _riff(data, at + 12, stop)
        at = stop


def _flv(data: bytes) -> Iterator[Span]:
    at = FLV_HEADER
    while at + FLV_TAG_HEADER <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4])
        stop = min(at + FLV_TAG_HEADER + size + 4, len(data))
        yield Span(start=at, body=at + FLV_TAG_HEADER, end=stop, size_at=at + 1, size_bytes=3)
        at = stop


def _ts(data: bytes) -> Iterator[Span]:
    for at in range(0, len(data) - TS_PACKET + 1, TS_PACKET):
        yield Span(start=at, body=at + 4, end=at + TS_PACKET, size_at=at, size_bytes=0)


_WALKS: dict[str, Callable[[bytes], Iterator[Span]]] = {
    **dict.fromkeys((".mp4", ".mov"), _mp4),
    **dict.fromkeys((".mkv", ".webm"), _ebml),
    ".avi": _riff,
    ".flv": _flv,
    ".ts": _ts,
}
