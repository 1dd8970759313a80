"""Call functions in a child process, so that a crash, a hang or too much memory becomes a result like any other."""

import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import psutil

from tests.processes import warm

LOOK_EVERY_S = 0.05
START_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that did not return."""

    kind: str
    """crash, hang, memory or exception."""
    text: str


class Guarded:
    """A child process that calls one function after another; it is replaced when one of them ends it."""

    def __init__(self, *, max_cpu_s: float, max_rss_bytes: int) -> None:
        """Limit each call to `max_cpu_s` seconds of processor time (twenty times as long by the clock, for a
        call that only waits) and the child to `max_rss_bytes` of resident memory."""
        self._max_cpu_s, self._max_rss_bytes = max_cpu_s, max_rss_bytes
        self._process: Any = None
        self._pipe: Connection | None = None
        self.slowest_s = 0.0
        """Most processor time that one call took."""
        self.peak_rss_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stop()

    def reset_peaks(self) -> None:
        """Forget `slowest_s` and `peak_rss_bytes`."""
        self.slowest_s, self.peak_rss_bytes = 0.0, 0

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function(*arguments)` returns, or the Failure that it ended in. Both must be picklable."""
        pipe = self._started()
        child = psutil.Process(self._process.pid)
        cpu_before_s, began_s = _cpu_s(child), time.monotonic()
        pipe.send((function, arguments))
        while not pipe.poll(LOOK_EVERY_S):
            used_s = _cpu_s(child) - cpu_before_s
            self.peak_rss_bytes = max(self.peak_rss_bytes, _rss_bytes(child))
            if used_s > self._max_cpu_s or time.monotonic() - began_s > 20 * self._max_cpu_s:
                self._stop()
                return Failure(kind="hang", text=f"still running after {used_s:.0f} CPU seconds")
            if _rss_bytes(child) > self._max_rss_bytes:
                self._stop()
                return Failure(kind="memory", text=f"more than {self._max_rss_bytes / 1e9:.1f} GB resident")
        self.slowest_s = max(self.slowest_s, _cpu_s(child) - cpu_before_s)
        self.peak_rss_bytes = max(self.peak_rss_bytes, _rss_bytes(child))
        try:
            return pipe.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self._stop()
            return Failure(kind="crash", text=signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def _started(self) -> Connection:
        if self._pipe is None:
            self._pipe, theirs = warm().Pipe()
            self._process = warm().Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
            assert self._pipe.poll(START_TIMEOUT_S), "the child process did not start"
            self._pipe.recv()
        return self._pipe

    def _stop(self) -> None:
        if self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._pipe = None


def _serve(pipe: Connection) -> None:
    pipe.send("ready")
    while True:
        function, arguments = pipe.recv()
        try:
            answer = function(*arguments)
        except Exception as error:  # noqa: BLE001 whatever escapes is the finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} at {last.filename.rpartition('/')[2]}:{last.lineno}: {error}"
            answer = Failure(kind="exception", text=text)
        pipe.send(answer)


def _cpu_s(process: psutil.Process) -> float:
    """Of the process and all below it, also those that have ended."""
    used_s = 0.0
    for one in _tree(process):
        with suppress(psutil.Error):
            times = one.cpu_times()
            used_s += times.user + times.system
            used_s += 0.0 if one == process else times.children_user + times.children_system
    return used_s


def _rss_bytes(process: psutil.Process) -> int:
    """Of the largest process of it and all below it."""
    largest = 0
    for one in _tree(process):
        with suppress(psutil.Error):
            largest = max(largest, one.memory_info().rss)
    return largest


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
