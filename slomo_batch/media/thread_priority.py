"""Keep threads at their ordinary priority.

If SVT-AV1 runs as root, it gives the thread that opens it and all its own threads real-time priority (SCHED_FIFO
99), and never resets it. Such a process takes a core away from everything else on the machine: heartbeats, other
workers, remote logins. Forked processes inherit the priority.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_native_id


@contextmanager
def keep_thread_priority() -> Iterator[None]:
    """After the block, restore the scheduling policy of this thread, and apply it to all threads started in the
    block."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    others = _threads() - {get_native_id()}
    try:
        yield
    finally:
        for thread in _threads() - others:
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    """Ids of all threads of this process."""
    return {int(thread.name) for thread in Path("/proc/self/task").iterdir()}
