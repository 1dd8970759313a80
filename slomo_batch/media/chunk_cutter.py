"""Cut one stream of packets into overlapping chunk archives in one pass, however many overlap.

Packets are spooled to disk once. After the last packet of a chunk, its archive is written from the spool; packets
that no later chunk needs are removed. So memory use is constant, and at most two files are open at any time.
"""

import heapq
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slomo_batch.media.packet_archive import JSON, ArchiveWriter
from slomo_batch.media.packets import StreamHeader

SPOOL_FILE_BYTES = 16 << 20
"""Size of the files in which the spool is written and removed."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """The packets [start, end) of the stream that one chunk needs."""

    end: int
    start: int
    index: int
    """The chunk's number."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span must hold at least one packet, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkArchive:
    """A finished chunk object on the local disk."""

    index: int
    """The chunk's number."""
    path: Path


def chunk_path(folder: Path, index: int) -> Path:
    """Where the archive of a chunk is made."""
    return folder / f"chunk-{index}.packets"


@dataclass(slots=True)
class _SpoolFile:
    path: Path
    first: int
    """Number of its first packet."""
    ends: "array[int]" = field(default_factory=lambda: array("q"))
    """End offset of each record, in bytes."""

    @property
    def end(self) -> int:
        """Number of its last packet plus one."""
        return self.first + len(self.ends)


class Spool:
    """Records of consecutive packets, on disk."""

    def __init__(self, folder: Path, *, file_bytes: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._files: deque[_SpoolFile] = deque()

    def add(self, number: int, record: bytes) -> None:
        """Append packet `number`, which must be greater than the last one added."""
        if not self._files or self._files[-1].ends[-1] >= self._file_bytes or self._files[-1].end != number:
            self._files.append(_SpoolFile(self._folder / f"spool-{number}", number))
        last = self._files[-1]
        with last.path.open("ab") as file:
            file.write(record)
        last.ends.append((last.ends[-1] if last.ends else 0) + len(record))

    def records(self, start: int, end: int) -> Iterator[bytes]:
        """The records of packets [start, end), all of which must be in the spool."""
        for spooled in list(self._files):
            first, last = max(start - spooled.first, 0), min(end - spooled.first, len(spooled.ends))
            if first >= last:
                continue
            with spooled.path.open("rb") as file:
                at = file.seek(spooled.ends[first - 1] if first else 0)
                for record_end in spooled.ends[first:last]:
                    yield file.read(record_end - at)
                    at = record_end

    def forget_before(self, number: int) -> None:
        """Remove the files that hold only packets before `number`."""
        while self._files and self._files[0].end <= number:
            self._files.popleft().path.unlink()


class ChunkCutter:
    """Takes the packets of one stream in order and yields the archive of each span as soon as it is complete."""

    def __init__(
        self,
        folder: Path,
        header: StreamHeader,
        spans: Sequence[Span],
        note_of: Callable[[int], Mapping[str, JSON]],
        *,
        spool_file_bytes: int = SPOOL_FILE_BYTES,
    ) -> None:
        self._folder = folder
        self._header = header
        self._note_of = note_of
        self._spool = Spool(folder, file_bytes=spool_file_bytes)
        self._by_end = list(spans)
        heapq.heapify(self._by_end)
        self._by_start = sorted((span.start, span.end) for span in spans)
        self._by_start.reverse()

    @property
    def is_done(self) -> bool:
        """True once all archives have been yielded."""
        return not self._by_end

    def needs(self, number: int) -> bool:
        """True if packet `number` belongs to a span. Numbers must increase from call to call."""
        while self._by_start and self._by_start[-1][1] <= number:
            self._by_start.pop()
        return bool(self._by_start) and self._by_start[-1][0] <= number

    def add(self, number: int, record: bytes) -> Iterator[ChunkArchive]:
        """Take packet `number`, if a span needs it, and yield the archives that it completes."""
        if self.needs(number):
            self._spool.add(number, record)
        while self._by_end and self._by_end[0].end <= number + 1:
            yield self._archive(heapq.heappop(self._by_end))
        self.needs(number + 1)
        self._spool.forget_before(self._by_start[-1][0] if self._by_start else number + 1)

    def _archive(self, span: Span) -> ChunkArchive:
        path = chunk_path(self._folder, span.index)
        with path.open("wb") as file, ArchiveWriter(file, [self._header], self._note_of(span.index)) as archive:
            for record in self._spool.records(span.start, span.end):
                archive.add_record(record)
        return ChunkArchive(index=span.index, path=path)
