"""The log of a submitted run, read back: the events it told, and the lines that are none. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

from slomo_batch.report.events import Event, event_name
from slomo_batch.serialization import from_json

_KINDS: dict[str, type[Event]] = {event_name(kind): kind for kind in get_args(Event)}
_ECHO = "Running entrypoint for job "


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a run wrote."""

    text: str
    event: Event | None
    """What it tells as a line of --json; None for any other."""


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Takes a log in pieces of any size; what Ray itself writes before the run begins is left out."""

    entrypoint: str
    """The run's command, which Ray repeats in the log before it starts it."""
    _rest: str = ""
    _to_skip: int | None = field(default=None)

    def feed(self, text: str) -> Iterator[LogLine]:
        """The lines that this piece completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if self._is_of_the_run(line) and line:
                yield LogLine(text=line, event=event_of(line))

    def _is_of_the_run(self, line: str) -> bool:
        if self._to_skip is None:
            self._to_skip = self.entrypoint.count("\n") if line.startswith(_ECHO) else None
            return False
        if self._to_skip:
            self._to_skip -= 1
            return False
        return True


def event_of(line: str) -> Event | None:
    """The event that a line of --json tells; None for any other line."""
    try:
        data = json.loads(line)
        kind = _KINDS.get(data.get("event", "")) if isinstance(data, dict) else None
        return from_json(kind, line.encode()) if kind else None
    except ValueError:
        return None
