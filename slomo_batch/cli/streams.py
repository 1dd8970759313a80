"""Text streams that handle failed writes: the disk is full, the reader exited, or the stream was never opened.

If the stream of a display or a log fails, the failure is reported once and later output is dropped. If the answer of a
command cannot be written, the command fails.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from slomo_batch.errors import StoreUnusable
from slomo_batch.sanitize import one_line

_FAILURES = (OSError, ValueError)
"""Exceptions of a write. ValueError: the stream is closed, or cannot encode a character."""


class ReaderGone(Exception):
    """The program that reads an answer, such as `head`, has exited."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make the standard streams safe to write to while a command runs.

    A missing stream becomes /dev/null. A failed write to stdout, which has the answers, raises StoreUnusable or
    ReaderGone. Text that cannot be written to stderr is dropped.
    """
    _open_missing()
    out, err = sys.stdout, sys.stderr
    for stream in (out, err):
        _escape_unencodable(stream)
    sys.stdout, sys.stderr = for_answer(out, "standard output"), _guarded(err, lambda _: None)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        for stream in (out, err):
            _flush_or_discard(stream)


def for_display(stream: TextIO, name: str) -> TextIO:
    """Wrap the stream of a display or a log: its first failure is reported on stderr, and later output is dropped.

    Args:
        stream: the stream, possibly wrapped by `for_answer`.
        name: its name in the report.
    """
    stderr = sys.stderr  # rich replaces it by one that writes to stdout

    def report(error: Exception) -> None:
        reason = one_line(_reason(error))
        stderr.write(f"slomo-batch: {name} cannot be written ({reason}): the work continues without it\n")

    return _guarded(stream.inner if isinstance(stream, _Guarded) else stream, report)


def for_answer(stream: TextIO, name: str) -> TextIO:
    """Wrap the stream of an answer: a failure raises StoreUnusable, or ReaderGone for a broken pipe."""

    def fail(error: Exception) -> None:
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from error
        raise StoreUnusable("cannot be written", where=name, got=_reason(error)) from error

    return _guarded(stream, fail)


class _Guarded:
    """A stream that passes its first failure to a function and drops later output."""

    def __init__(self, stream: TextIO, fail: Callable[[Exception], None]) -> None:
        self.inner, self._fail, self._is_broken = stream, fail, False

    def write(self, text: str) -> int:
        self._try(lambda: self.inner.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self.inner.flush)

    def close(self) -> None:
        try:
            self._try(self.inner.flush)
            self._try(self.inner.close)
        finally:
            with suppress(*_FAILURES):
                self.inner.close()

    def _try(self, operation: Callable[[], object]) -> None:
        if self._is_broken:
            return
        try:
            operation()
        except _FAILURES as error:
            self._is_broken = True
            _discard(self.inner)
            self._fail(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _guarded(stream: TextIO, fail: Callable[[Exception], None]) -> TextIO:
    return cast(TextIO, _Guarded(stream, fail))


def _flush_or_discard(stream: TextIO) -> None:
    """Flush the stream, or drop its buffer: a failed flush by Python at exit would change the exit code."""
    try:
        stream.flush()
    except _FAILURES:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Redirect the stream, including its buffer, to /dev/null."""
    with suppress(*_FAILURES):
        descriptor = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, descriptor, inheritable=os.get_inheritable(descriptor))
        finally:
            os.close(null)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _open_missing() -> None:
    """Open /dev/null for each standard stream that this process was started without.

    In the order of their numbers: each gets its own descriptor, so that no other file gets it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _escape_unencodable(stream: TextIO) -> None:
    """Escape characters that the encoding of a stream lacks: file names may be in any script."""
    if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
        with suppress(*_FAILURES):
            stream.reconfigure(errors="backslashreplace")
