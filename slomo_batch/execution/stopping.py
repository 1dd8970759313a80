"""Stopping: the first Ctrl-C or SIGTERM asks the job to drain, the second ends the process at once.

Both are safe: what is committed stays, and the next run goes on from there.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Yields what tells whether a stop was asked for. Handlers are put back at the end."""
    asked = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            os.write(sys.stderr.fileno(), b"\nstopped; run again to go on\n")
            os._exit(EXIT_INTERRUPTED)
        os.write(sys.stderr.fileno(), b"\nstopping: what runs is finished first; once more stops at once\n")

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield lambda: asked > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
