"""Conversations with child processes: send a request, serve bytes of the source, and take parts and the answer.

Nothing that comes from a child is trusted: it may be under the control of the file that it reads.
"""

import os
import pickle
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from slomo_batch.errors import (
    DISK_FULL,
    FrameMissing,
    ProgramFault,
    SegmentInvalid,
    SlomoError,
    SourceUnreadable,
    VideoError,
    WorkDamaged,
    WorkerLost,
    error_from_name,
)
from slomo_batch.media.reader import BLOCK_BYTES, RangeReader
from slomo_batch.report.units import size
from slomo_batch.sandbox.answers import Answer
from slomo_batch.sandbox.channel import Channel, ChannelClosed, InvalidMessage, Kind, unpack_range
from slomo_batch.sandbox.child import ChildFailure, ChildRequest
from slomo_batch.sandbox.confinement import ChildLimits, ChildPlaces
from slomo_batch.sandbox.fork_client import child
from slomo_batch.sandbox.work import Work
from slomo_batch.serialization import from_json

T = TypeVar("T")

SWITCH = "SLOMO_BATCH_SANDBOX"
"""The variable of the environment that, if it is `off`, lets the work be done in this process, for debugging."""
MIN_MEMORY = 8 << 30
"""Bytes of address space that a child may take on any machine; on large ones, half of the memory."""
MIN_CPU_S = 3600
CPU_S_PER_MB = 1000
"""CPU seconds that a child may take in addition, for each megabyte of the source: the largest pictures, of which each
takes seconds, may be stored in a few kilobytes."""
MAX_COLUMNS = 16

_MAY_BE_SENT = (VideoError, FrameMissing, SegmentInvalid, WorkDamaged)
"""Errors that a child may report: none that stops a job."""
_NO_PLACES = ChildPlaces()
_NO_SOURCE = RangeReader(lambda _start, _end: b"", 0)


def is_off() -> bool:
    """Whether sources are read in this process."""
    return os.environ.get(SWITCH) == "off"


def converse(
    work: Work | None, name: str, reader: RangeReader | None = None, places: ChildPlaces = _NO_PLACES
) -> Generator[int, None, Answer]:
    """Let a child process do `work` with the source `name`; yield what it reports, and return its answer.

    The child is killed if the generator is closed before its end. `reader` serves the source, which has its own bytes
    and errors; without it, the child reads files in `places` only.

    Raises:
        SourceUnreadable: the child crashed, took too much memory or time, or sent what no child sends.
        WorkerLost: the child was killed.
        VideoError, WorkDamaged, SegmentInvalid: raised by the work.
        StorageError: raised by the reader.
    """
    if work is not None and is_off():
        return (yield from work(reader or _NO_SOURCE))
    size_bytes = reader.size_bytes if reader else sum(path.stat().st_size for path in places.readable)
    limits = limits_for(size_bytes)
    request = ChildRequest(work=work, size_bytes=size_bytes, limits=limits, places=places)
    with child() as process, refusing(name):
        try:
            process.channel.send(Kind.REQUEST, pickle.dumps(request))
            return (yield from _heard(process.channel, reader, name, limits, places))
        except ChannelClosed:
            raise _death(process.exit_code(), name, limits) from None


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Report messages of a child that are not valid as an error of the source.

    Raises:
        SourceUnreadable: InvalidMessage was raised inside.
    """
    try:
        yield
    except InvalidMessage as error:
        what = "the process that reads the file sent an invalid answer"
        remedy = "The file may be made to do harm: leave it out."
        raise SourceUnreadable(what, where=name, got=str(error)[:200], remedy=remedy) from error


def limits_for(size_bytes: int) -> ChildLimits:
    """What a child may use that reads a source of this size."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cpu_s = MIN_CPU_S + size_bytes * CPU_S_PER_MB // 1_000_000
    return ChildLimits(memory_bytes=max(MIN_MEMORY, memory // 2), cpu_s=cpu_s)


def _heard(
    channel: Channel, reader: RangeReader | None, name: str, limits: ChildLimits, places: ChildPlaces
) -> Generator[int, None, Answer]:
    columns: list[bytes] = []
    with ExitStack() as ahead:
        while True:
            kind, data = channel.receive()
            if kind is Kind.READ and reader is not None:
                channel.send(Kind.DATA, _read(reader, *unpack_range(data)))
            elif kind is Kind.READ_AHEAD and reader is not None:
                ahead.close()
                if data == b"\1":
                    ahead.enter_context(reader.reading_ahead())
            elif kind is Kind.PART:
                yield _parsed(int, data)
            elif kind is Kind.COLUMN and len(columns) < MAX_COLUMNS:
                columns.append(data)
            elif kind is Kind.RESULT:
                return Answer(record=data, columns=tuple(columns))
            elif kind is Kind.FAILURE:
                raise _error(_parsed(ChildFailure, data), name, limits, places)
            else:
                raise InvalidMessage(f"an unexpected message: {kind.name}")


def _read(reader: RangeReader, start: int, end: int) -> bytes:
    if end - start > BLOCK_BYTES or end > reader.size_bytes:
        raise InvalidMessage(f"asks for the bytes {start} to {end}")
    reader.seek(start)
    data = reader.read(end - start)
    reader.check()
    return data


def _parsed(kind: type[T], data: bytes) -> T:
    try:
        return from_json(kind, data)
    except ValueError as error:
        raise InvalidMessage(str(error)) from error


# ---- what went wrong in the child ----------------------------------------------------------------------------------


def _error(failure: ChildFailure, name: str, limits: ChildLimits, places: ChildPlaces) -> Exception:
    """The error that a child reports."""
    if failure.error == MemoryError.__name__:
        return _too_much_memory(name, limits)
    if failure.error == OSError.__name__ and failure.errno in DISK_FULL and places.writable:
        return OSError(failure.errno, os.strerror(failure.errno))
    kind = type(error_from_name(failure.error, failure.what))
    if not issubclass(kind, _MAY_BE_SENT):
        return InvalidMessage(f"the error {failure.error}")
    return kind(failure.what, where=failure.where, expected=failure.expected, got=failure.got, remedy=failure.remedy)


def _too_much_memory(name: str, limits: ChildLimits) -> SlomoError:
    expected = f"at most {size(limits.memory_bytes)}"
    return SourceUnreadable("reading the file takes too much memory", where=name, expected=expected)


def _death(exit_code: int | None, name: str, limits: ChildLimits) -> SlomoError:
    """The error for a child that ended without an answer."""
    if exit_code is None or exit_code == -signal.SIGKILL:
        what = "the process that reads the file was killed"
        return WorkerLost(what, where=name, remedy="The machine may be out of memory.")
    if exit_code == -signal.SIGXCPU:
        what = "reading the file takes too much CPU time"
        return SourceUnreadable(what, where=name, expected=f"at most {limits.cpu_s:,} s")
    if exit_code < 0:
        remedy = "Repair the file, or leave it out."
        got = signal.Signals(-exit_code).name
        return SourceUnreadable("FFmpeg crashed while it read the file", where=name, got=got, remedy=remedy)
    return ProgramFault("the process that reads the file ended without an answer", where=name, got=f"exit {exit_code}")
