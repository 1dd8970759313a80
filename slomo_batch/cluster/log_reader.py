"""Read the log of a submitted run: its events, and lines that are no events. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from slomo_batch.report.event_json import event_of
from slomo_batch.report.events import Event

ALL = -1
"""In place of a number of lines."""
AGAIN_LINES, MOST_AGAIN_LINES = 1000, 100_000
"""Lines of the end that are asked for after a break: ten times as many each time that they do not reach far enough, and
in the end all."""
_ECHO = "Running entrypoint for job "


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a run wrote."""

    text: str
    event: Event | None
    """The event that a line of --json says; None where displays show nothing of it."""
    is_event: bool
    """False for a line that is not one of --json."""


class LogReader:
    """Takes a log in pieces of any size, omits what Ray writes before the run begins, and yields each line once.

    A log may be read again from some line near its end, after a break. The reader continues after the last line that it
    yielded: it finds the last event, which has its time, and skips as many lines as it yielded after that.
    """

    def __init__(self, *, entrypoint: str, lines: int = ALL) -> None:
        """`entrypoint`: the run's command, which Ray repeats in the log before it starts it. `lines`: how many of the
        end to begin with."""
        self._entrypoint, self._lines = entrypoint, lines
        self._last_event = ""
        """The last line yielded that is an event,"""
        self._num_since = 0
        """and how many were yielded after it."""
        self._num_again = 0
        """Times in a row that the lines asked for did not reach back to that event."""
        self._has_found = False
        """Whether the place in the log is found from which on lines are new."""
        self._asked = self._num_passed = self._num_to_skip = 0
        self.begin()

    def begin(self) -> int:
        """Begin to read, or again after a break. Returns how many lines of the end to read from."""
        self._num_again = self._num_again + 1 if self.lacks_lines else 0
        again = AGAIN_LINES * 10**self._num_again
        self._asked = (again if again <= MOST_AGAIN_LINES else ALL) if self._last_event else self._lines
        self._rest, self._has_found, self._num_passed, self._num_to_skip = "", False, 0, self._num_since
        self._echo_left: int | None = None
        """Lines of Ray's echo of the command that are still to come; None before the echo."""
        return self._asked

    @property
    def lacks_lines(self) -> bool:
        """Whether all lines that were asked for have come without the last event that was yielded: begin again."""
        return not self._has_found and bool(self._last_event) and self._num_passed >= self._asked > 0

    def feed(self, text: str) -> Iterator[LogLine]:
        """The new lines that this piece completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if self._is_new(line):
                found = _log_line(line)
                self._last_event = line if found.is_event else self._last_event
                self._num_since = 0 if found.is_event else self._num_since + 1
                yield found

    def _is_new(self, line: str) -> bool:
        if not (self._has_found or self._finds(line)) or not line:
            return False
        if self._num_to_skip:
            self._num_to_skip -= 1
            return False
        return True

    def _finds(self, line: str) -> bool:
        """Look for the place from which on lines are new. Returns whether this line is the first after it."""
        self._num_passed += 1
        if self._last_event:
            self._has_found = line == self._last_event
            return False
        if self._echo_left is None and line.startswith(_ECHO):
            self._echo_left = self._entrypoint.count("\n")
        elif self._echo_left:
            self._echo_left -= 1
        else:
            is_midway = self._echo_left is None and self._lines != ALL
            self._has_found = self._echo_left == 0 or (is_midway and _log_line(line).is_event)
        return self._has_found


def _log_line(line: str) -> LogLine:
    try:
        return LogLine(text=line, event=event_of(line), is_event=True)
    except ValueError:
        return LogLine(text=line, event=None, is_event=False)
