"""What a child process is: it confines itself, takes one request, carries it out, and ends."""

import os
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from slomo_batch.errors import DISK_FULL, ProgramFault, SlomoError
from slomo_batch.media.reader import RangeReader
from slomo_batch.sandbox.answers import Answer
from slomo_batch.sandbox.channel import Channel, ChannelClosed, Kind, pack_range
from slomo_batch.sandbox.confinement import ChildLimits, ChildPlaces, confine
from slomo_batch.sandbox.work import Parts, Work
from slomo_batch.serialization import to_json

MAX_TRACE = 1 << 16
"""Characters of a traceback that are sent: its last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRequest:
    """What a child process is to do, how far it may go, and the source that it reads."""

    work: Work | None
    """None: to tell how it is confined."""
    size_bytes: int
    """Of the source."""
    limits: ChildLimits
    places: ChildPlaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailure:
    """An error that ended the work of a child."""

    error: str
    """Name of its class."""
    what: str
    where: str = ""
    expected: str = ""
    got: str = ""
    remedy: str = ""
    errno: int = 0
    """The operating system's number of an OSError."""


def serve_request(channel: Channel) -> None:
    """Carry out the request that comes, and send the answer."""
    kind, data = channel.receive()
    if kind is not Kind.REQUEST:
        raise ValueError(f"expected a request, got {kind}")
    request: ChildRequest = pickle.loads(data)  # noqa: S301 its parent wrote it
    try:
        confinement = confine(request.limits, request.places)
        if request.work is None:
            answer = Answer(record=to_json(confinement))
        else:
            answer = _reported(request.work(ServedReader(channel, request.size_bytes)), channel)
    except ChannelClosed:
        raise
    except Exception as error:  # noqa: BLE001 the parent raises it
        channel.send(Kind.FAILURE, to_json(_failure(error)))
        return
    for column in answer.columns:
        channel.send(Kind.COLUMN, column)
    channel.send(Kind.RESULT, answer.record)


def _reported(parts: Parts, channel: Channel) -> Answer:
    while True:
        try:
            part = next(parts)
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer
        channel.send(Kind.PART, to_json(part))


def _failure(error: Exception) -> ChildFailure:
    if isinstance(error, SlomoError):
        name = type(error).__name__
        return ChildFailure(
            error=name,
            what=error.what,
            where=error.where,
            expected=error.expected,
            got=error.got,
            remedy=error.remedy,
        )
    if isinstance(error, MemoryError):
        return ChildFailure(error=MemoryError.__name__, what="")
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return ChildFailure(error=OSError.__name__, what=os.strerror(error.errno), errno=error.errno)
    trace = "".join(traceback.format_exception(error))[-MAX_TRACE:]
    return ChildFailure(error=ProgramFault.__name__, what=repr(error), got=trace)


class ServedReader(RangeReader):
    """A reader of the source whose blocks the parent fetches, ahead if that is worth it.

    A read that fails does not return: the parent ends this process, and raises the error.
    """

    def __init__(self, channel: Channel, size_bytes: int) -> None:
        super().__init__(self._asked, size_bytes)
        self._channel = channel

    @contextmanager
    def reading_ahead(self) -> Iterator[None]:
        """See RangeReader."""
        self._channel.send(Kind.READ_AHEAD, b"\1")
        try:
            yield
        finally:
            self._channel.send(Kind.READ_AHEAD, b"\0")

    def _asked(self, start: int, end: int) -> bytes:
        self._channel.send(Kind.READ, pack_range(start, end))
        return self._channel.receive()[1]
