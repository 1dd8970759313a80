"""Keep threads at their ordinary priority.

SVT-AV1, run as root, makes the thread that opens it and all of its own threads real-time ones (SCHED_FIFO, priority
99), and never takes that back. Such a process keeps a core from everything else on the machine: heartbeats, other
workers, remote logins. Processes that it forks inherit it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_native_id


@contextmanager
def keep_thread_priority() -> Iterator[None]:
    """Give this thread, and all threads that begin meanwhile, the scheduling policy that this thread has now."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    others = _threads() - {get_native_id()}
    try:
        yield
    finally:
        for thread in _threads() - others:
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    """Numbers of all threads of this process."""
    return {int(thread.name) for thread in Path("/proc/self/task").iterdir()}
