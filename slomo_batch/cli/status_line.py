"""StatusLine: lines on standard error that remain, and on a terminal below them one that changes."""

import sys
from time import monotonic

from slomo_batch.sanitize import one_line

SECONDS_BETWEEN = 0.5
SECONDS_BETWEEN_LINES = 10.0


class StatusLine:
    """Shows what a command is doing."""

    def __init__(self, *, logs: bool = False, is_quiet: bool = False) -> None:
        """Show nothing if `is_quiet`. With `logs`, what is no terminal gets the status as a line every ten seconds."""
        self._is_terminal, self._logs, self._is_quiet = sys.stderr.isatty() and not is_quiet, logs, is_quiet
        self._next_s = 0.0

    def write(self, line: str) -> None:
        """Write a line that remains."""
        if self._is_quiet:
            return
        self.clear()
        sys.stderr.write(one_line(line) + "\n")

    def show(self, status: str) -> None:
        """Show what is being done now, not more often than a person reads."""
        now_s = monotonic()
        if now_s < self._next_s or self._is_quiet or not (self._is_terminal or self._logs):
            return
        self._next_s = now_s + (SECONDS_BETWEEN if self._is_terminal else SECONDS_BETWEEN_LINES)
        sys.stderr.write(f"\r\x1b[K{one_line(status)}" if self._is_terminal else f"{one_line(status)}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the status."""
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
