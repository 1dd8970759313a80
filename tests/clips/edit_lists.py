"""MP4 files that show segments of their video one after another, by an edit list."""

import struct
from collections.abc import Iterator, Sequence

_FOLDERS = (b"moov", b"trak", b"edts")
_ENTRY = struct.Struct(">IiHH")
"""Duration in the movie's ticks, first time in the track's ticks, rate in whole numbers and fractions."""


def showing(data: bytes, pieces_ms: Sequence[tuple[int, int]], ticks_per_s: int = 12800) -> bytes:
    """The film with these pieces of its video shown in turn: where each begins, and how long it is.

    Its index must be its last box, so that nothing else moves; the video must be its first track.
    """
    at = data.index(b"elst")
    [(_, zero, _, _)] = _ENTRY.iter_unpack(data[at + 12 : at + 12 + _ENTRY.size])
    entries = b"".join(_ENTRY.pack(length, zero + begin * ticks_per_s // 1000, 1, 0) for begin, length in pieces_ms)
    made = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(pieces_ms)) + entries
    return _replaced(data, at - 4, made)


def _replaced(data: bytes, at: int, made: bytes) -> bytes:
    """The boxes with the one at byte `at` replaced, and the sizes of its parent boxes corrected."""
    out = b""
    for start, end, kind in _boxes(data):
        if start == at:
            out += made
        elif kind in _FOLDERS and start < at < end:
            inner = _replaced(data[start + 8 : end], at - start - 8, made)
            out += struct.pack(">I4s", 8 + len(inner), kind) + inner
        else:
            out += data[start:end]
    return out


def _boxes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield at, at + size, kind
        at += size
