"""Read the log of a submitted run: its events, and lines that are no events. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from slomo_batch.report.event_json import event_of
from slomo_batch.report.events import Event

_ECHO = "Running entrypoint for job "


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a run wrote."""

    text: str
    event: Event | None
    """The event that a line of --json says; None where displays show nothing of it."""
    is_event: bool
    """False for a line that is not one of --json."""


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Takes a log in pieces of any size and omits what Ray writes before the run begins."""

    entrypoint: str
    """The run's command, which Ray repeats in the log before it starts it."""
    _rest: str = ""
    _to_skip: int | None = field(default=None)

    def feed(self, text: str) -> Iterator[LogLine]:
        """The lines that this piece completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if self._is_of_the_run(line) and line:
                yield _log_line(line)

    def _is_of_the_run(self, line: str) -> bool:
        if self._to_skip is None:
            self._to_skip = self.entrypoint.count("\n") if line.startswith(_ECHO) else None
            return False
        if self._to_skip:
            self._to_skip -= 1
            return False
        return True


def _log_line(line: str) -> LogLine:
    try:
        return LogLine(text=line, event=event_of(line), is_event=True)
    except ValueError:
        return LogLine(text=line, event=None, is_event=False)
