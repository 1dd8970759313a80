"""Boxes of MP4 and MOV: those at the top of a file, read before FFmpeg opens it, and those of a header in memory."""

import struct
from collections.abc import Iterator, Sequence
from io import SEEK_END
from typing import BinaryIO, Protocol

_BOX = struct.Struct(">I4s")
_LARGE = struct.Struct(">Q")
MAX_TOP_BOXES = 64
"""Maximum number of boxes read; a file that is not fragmented has a handful."""
FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
"""Box types that an MP4 or MOV file may begin with."""


class BinaryFile(Protocol):
    """The file methods that FFmpeg needs for reading."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move the position."""

    def tell(self) -> int:
        """Return the position."""


def top_boxes(file: BinaryFile) -> Iterator[tuple[bytes, int]]:
    """Yield type and byte offset of the top-level boxes, up to the first fragment. For other formats the result is
    meaningless."""
    at = 0
    for _ in range(MAX_TOP_BOXES):
        file.seek(at)
        head = file.read(_BOX.size + _LARGE.size)
        if len(head) < _BOX.size:
            return
        size, kind = _BOX.unpack_from(head)
        yield kind, at
        if size == 1 and len(head) == _BOX.size + _LARGE.size:
            (size,) = _LARGE.unpack_from(head, _BOX.size)
        if size < _BOX.size or kind == b"moof" or (at == 0 and kind not in FIRST_BOXES):
            return
        at += size


def is_fragmented(file: BinaryFile) -> bool:
    """True if the file is a fragmented MP4."""
    return any(kind == b"moof" for kind, _ in top_boxes(file))


# ---- boxes in memory -----------------------------------------------------------------------------------------------


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of this type."""
    inside = b"".join(contents)
    return _BOX.pack(_BOX.size + len(inside), kind) + inside


def boxes_in(data: bytes) -> dict[bytes, bytes]:
    """The contents of the boxes that follow each other in `data`, by type; of several of one type, the first."""
    found: dict[bytes, bytes] = {}
    for kind, start, end in _spans(data):
        found.setdefault(kind, data[start + _BOX.size : end])
    return found


def with_boxes(data: bytes, path: tuple[bytes, ...], added: bytes, *, skipped: int) -> bytes:
    """`data` with these boxes at the end of the first entry of the table at `path`, whose contents have `skipped` bytes
    in front of their first entry."""
    if not path:
        first = next(_spans(data[skipped:]))
        end = skipped + first[2]
        kind, inside = first[0], data[skipped + _BOX.size : end]
        return data[:skipped] + box(kind, inside, added) + data[end:]
    for kind, start, end in _spans(data):
        if kind == path[0]:
            inside = with_boxes(data[start + _BOX.size : end], path[1:], added, skipped=skipped)
            return data[:start] + box(kind, inside) + data[end:]
    raise ValueError(f"no box of type {path[0]!r}")


def blank_box(file: BinaryIO, path: Sequence[tuple[bytes, int]], kind: bytes) -> None:
    """Turn the first box of this type into free space, which players skip.

    `path` are the types of the boxes around it, from the top of the file, and how many bytes of the contents of each
    are in front of the boxes in it. An empty type means the first box, of any type.
    """
    start, end = 0, file.seek(0, SEEK_END)
    for wanted, skipped in (*path, (kind, 0)):
        found = next((span for span in _file_spans(file, start, end) if wanted in {b"", span[0]}), None)
        if found is None:
            return
        at, start, end = found[1], found[1] + _BOX.size + skipped, found[2]
    file.seek(at)
    file.write(_BOX.pack(end - at, b"free"))


def _file_spans(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the boxes that follow each other between two places of a file, up to one above 4 GiB."""
    while at + _BOX.size <= end:
        file.seek(at)
        size, kind = _BOX.unpack(file.read(_BOX.size))
        if size < _BOX.size:
            return
        yield kind, at, at + size
        at += size


def _spans(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the boxes that follow each other in `data`."""
    at = 0
    while at + _BOX.size <= len(data):
        size, kind = _BOX.unpack_from(data, at)
        if size < _BOX.size or at + size > len(data):
            return
        yield kind, at, at + size
        at += size
