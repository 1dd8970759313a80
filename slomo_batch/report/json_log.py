"""The events of a job as JSON, one object per line: the log, and what `--json` writes."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Lock
from types import TracebackType
from typing import Self, TextIO

from slomo_batch.attempts import Errored, Lost
from slomo_batch.report.brief_log import BriefLog
from slomo_batch.report.event_json import event_fields, event_name
from slomo_batch.report.events import Display, Event, JobFailed, JobPaused, Snapshot, VideoGivenUp
from slomo_batch.sanitize import json_line


class Streaming:
    """A display that writes to a stream and keeps nothing open."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class JsonDisplay(Streaming):
    """One JSON object per line and event: `time`, `level`, `event`, `job`, and the event's own fields.

    `brief` leaves out most events (report.brief_log).
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        job: str,
        seconds_between_snapshots: float = 0.0,
        brief: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(stream)
        self._job = job
        self._seconds_between_snapshots = seconds_between_snapshots
        self._brief = BriefLog() if brief else None
        self._clock = clock
        self._latest_snapshot = datetime.fromtimestamp(0, UTC)

    def show(self, event: Event) -> None:
        """Write the event as an object."""
        now = self._clock()
        if self._brief and not self._brief.keeps(event, now.timestamp()):
            return
        if isinstance(event, Snapshot):
            if 0 <= (now - self._latest_snapshot).total_seconds() < self._seconds_between_snapshots:
                return
            self._latest_snapshot = now
        head = {
            "time": now.isoformat(timespec="milliseconds"),
            "level": level_of(event),
            "event": event_name(event),
            "job": self._job,
        }
        self._write(json_line(head | event_fields(event)))


def level_of(event: Event) -> str:
    """How much an event matters, in the words that logs use."""
    match event:
        case VideoGivenUp() | JobFailed():
            return "error"
        case Errored() | Lost() | JobPaused():
            return "warning"
        case _:
            return "info"


class Displays:
    """Several displays of one stream of events, opened and closed together. Any thread may show an event."""

    def __init__(self, *displays: Display) -> None:
        self._displays = displays
        self._lock = Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for display in self._displays:
                stack.enter_context(display)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def show(self, event: Event) -> None:
        """Show the event on each display."""
        with self._lock:
            for display in self._displays:
                display.show(event)
