"""Stopping: the first Ctrl-C or SIGTERM asks the job to drain, the second ends the process at once.

Both are safe: what is committed stays, and the next run goes on from there.
"""

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Self

from slomo_batch.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequests:
    """Listens for stop signals; a context manager that puts the handlers of before back."""

    def __init__(self) -> None:
        self._asked = 0
        self._before: dict[int, Any] = {}

    @property
    def is_asked(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._asked > 0

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Take the signals over, again where another library took them meanwhile: Ray does as it starts."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
        if self._asked > 1:
            os.write(sys.stderr.fileno(), b"\nstopped; run again to go on\n")
            os._exit(Interrupted.exit_code)
        os.write(sys.stderr.fileno(), b"\nstopping: what runs is finished first; once more stops at once\n")
