"""RangeReader: a source as a file object for FFmpeg, backed by ranged reads of its object.

It reads whole blocks and keeps the most recently used ones, because FFmpeg reads in small pieces and, in fragmented
files, alternates between audio and video. So one pass over a file fetches little more than the file's size. A pass in
order over a source on S3 fetches blocks ahead (`reading_ahead`).

A storage error must not get lost inside FFmpeg, which would treat it as the end of the file. The reader stores it,
returns no more bytes, and raises it from `check`, which `media.av_errors.reading` calls after FFmpeg has read.
"""

import io
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slomo_batch.errors import (
    AccessRefused,
    ObjectChanged,
    ObjectMissing,
    SourceChanged,
    SourceUnreadable,
    StorageError,
)
from slomo_batch.media.read_ahead import ReadAhead

BLOCK_BYTES = 1 << 20
"""Size of a block."""
NUM_BLOCKS = 8
"""Number of blocks kept."""
BLOCKS_AHEAD = 8
"""Blocks fetched ahead from a store whose answers take long: S3."""

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
        blocks_ahead: int = 0,
    ) -> None:
        self.size_bytes = size_bytes
        self.failure: BaseException | None = None
        self._fetch = fetch
        self._block_bytes = block_bytes
        self._num_blocks = num_blocks
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._blocks_ahead = blocks_ahead
        self._ahead: ReadAhead | None = None
        self._position = 0

    @contextmanager
    def reading_ahead(self) -> Iterator[None]:
        """Fetch up to `blocks_ahead` blocks ahead, in threads, while this block of code reads in order.

        A failed block fails the read that needs it.
        """
        num_blocks = -(-self.size_bytes // self._block_bytes)
        if not self._blocks_ahead:
            yield
            return
        with ReadAhead(self._fetched, num_blocks, max_ahead=self._blocks_ahead) as ahead:
            self._ahead = ahead
            try:
                yield
            finally:
                self._ahead = None

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
        if number * self._block_bytes >= self.size_bytes:
            return b""
        data = self._fetched(number) if self._ahead is None else self._ahead.block(number)
        self._blocks[number] = data
        if len(self._blocks) > self._num_blocks:
            self._blocks.popitem(last=False)
        return data

    def _fetched(self, number: int) -> bytes:
        """Fetch a block; called from several threads."""
        start = number * self._block_bytes
        end = min(start + self._block_bytes, self.size_bytes)
        data = self._fetch(start, end)
        if len(data) != end - start:
            what = f"incomplete read of bytes {start} to {end} of the source"
            raise SourceChanged(what, expected=f"{end - start} bytes", got=f"{len(data)}")
        return data
