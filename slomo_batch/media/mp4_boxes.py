"""Top-level boxes of an MP4 or MOV file, read before FFmpeg opens it."""

import struct
from collections.abc import Iterator
from typing import Protocol

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
