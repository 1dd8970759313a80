"""StopRequests: the first Ctrl-C or SIGTERM asks the job to drain, the second ends the process at once.

Both are safe: what is committed stays, and the next run continues from there. Each is acknowledged at once, by the
display. If standard output goes elsewhere and standard error to a terminal, the message is shown there as well, since
the display may go where nobody looks. Otherwise one message is enough: bars would cover a second one, and a log that
has both streams would hold it twice.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread, current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any, Self

from slomo_batch.errors import Interrupted

STOPPING = "Stopping after the current chunks. Press Ctrl-C again to stop now; finished chunks are kept."

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"
"""The bars hide the cursor of a terminal."""


class StopRequests:
    """Listens for stop signals; a context manager that restores the previous handlers."""

    def __init__(self, show: Callable[[str], None] | None = None) -> None:
        """`show` is called with a line to show, from a separate thread."""
        self._asked = 0
        self._before: dict[int, Any] = {}
        self._show = show
        self._is_answered = Event()
        self._is_over = False

    @property
    def is_asked(self) -> bool:
        """Whether the job was asked to stop."""
        return self._asked > 0

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        if self._show is not None:
            Thread(target=self._answer, args=(self._show,), name="stop", daemon=True).start()
        self.listen()
        return self

    def _answer(self, show: Callable[[str], None]) -> None:
        """Show the message from a thread: a signal handler may interrupt the display in the middle of a line."""
        self._is_answered.wait()
        if not self._is_over:
            show(STOPPING)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items() if current_thread() is main_thread() else ():
            signal.signal(number, handler)
        self._is_over = True
        self._is_answered.set()

    def listen(self) -> None:
        """Install the handlers, again if another library replaced them: Ray does when it starts.

        Only the main thread of a process can; a job in another thread gets no stop signals.
        """
        if current_thread() is not main_thread():
            return
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
        if self._asked > 1:
            if _is_terminal(1):
                _write(1, _SHOW_CURSOR)
            _write(2, "\nstopped; run again to continue\n")
            os._exit(Interrupted.exit_code)
        if self._show is None or (_is_terminal(2) and not _is_terminal(1)):
            _write(2, f"\n{STOPPING}\n")
        self._is_answered.set()


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _write(descriptor: int, text: str) -> None:
    """Write without Python's streams, which the signal may have interrupted."""
    with suppress(OSError):
        os.write(descriptor, text.encode())
