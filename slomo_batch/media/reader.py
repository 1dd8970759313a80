"""RangeReader: a source as a file object for FFmpeg, backed by ranged reads of its object.

It reads whole blocks and keeps the most recently used ones, because FFmpeg reads in small pieces and, in fragmented
files, alternates between audio and video. So one pass over a file fetches little more than the file's size.

A storage error must not get lost inside FFmpeg, which would treat it as the end of the file. The reader stores it,
returns no more bytes, and raises it from `check`, which `media.av_errors.reading` calls after FFmpeg has read.
"""

import io
from collections import OrderedDict
from collections.abc import Callable

from slomo_batch.errors import (
    AccessRefused,
    ObjectChanged,
    ObjectMissing,
    SourceChanged,
    SourceUnreadable,
    StorageError,
)

BLOCK_BYTES = 1 << 20
"""Size of a block."""
NUM_BLOCKS = 8
"""Number of blocks kept."""

_AS_VIDEO_ERRORS = {ObjectChanged: SourceChanged, ObjectMissing: SourceUnreadable, AccessRefused: SourceUnreadable}
"""What a storage error becomes for the video; others are raised unchanged."""


class RangeReader:
    """read, seek and tell over `fetch(start, end)`, which returns the bytes [start, end) of an object."""

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        size_bytes: int,
        *,
        block_bytes: int = BLOCK_BYTES,
        num_blocks: int = NUM_BLOCKS,
    ) -> None:
        self.size_bytes = size_bytes
        self.failure: BaseException | None = None
        self._fetch = fetch
        self._block_bytes = block_bytes
        self._num_blocks = num_blocks
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position, or the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes: fewer at the end, none after a failure. `check` raises that failure."""
        if self.failure is not None:
            return b""
        end = self.size_bytes if size < 0 else min(self._position + size, self.size_bytes)
        try:
            data = self._bytes_at(self._position, end)
        except BaseException as error:  # noqa: BLE001 - FFmpeg calls this from C, where even Ctrl-C would get lost
            self.failure = error
            return b""
        self._position += len(data)
        return data

    def _bytes_at(self, start: int, end: int) -> bytes:
        parts = []
        while start < end:
            number, offset = divmod(start, self._block_bytes)
            part = self._block(number)[offset : offset + end - start]
            if not part:
                break
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def check(self) -> None:
        """Raise the failure of an earlier read, mapped to an error of the video; do nothing if there was none."""
        if self.failure is None:
            return
        kind = _AS_VIDEO_ERRORS.get(type(self.failure)) if isinstance(self.failure, StorageError) else None
        if kind is None:
            raise self.failure
        raise kind(str(self.failure)) from self.failure

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        start = number * self._block_bytes
        end = min(start + self._block_bytes, self.size_bytes)
        if start >= end:
            return b""
        data = self._fetch(start, end)
        if len(data) != end - start:
            what = f"incomplete read of bytes {start} to {end} of the source"
            raise SourceChanged(what, expected=f"{end - start} bytes", got=f"{len(data)}")
        self._blocks[number] = data
        if len(self._blocks) > self._num_blocks:
            self._blocks.popitem(last=False)
        return data
