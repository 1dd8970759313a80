"""The end of a job's process: starts the fork server when the first child is needed, and asks it for children."""

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slomo_batch.errors import MachineUnusable
from slomo_batch.sandbox.channel import STATUS, Channel

_KEPT = frozenset({"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TZ"})
"""Variables that the server gets. No others, since any could hold a secret."""
_ASKING = b"child"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""The server forks, so no library may start threads in it."""


@dataclass(frozen=True, slots=True)
class Child:
    """A child process that waits for its request."""

    channel: Channel
    _lease: socket.socket

    def exit_code(self) -> int | None:
        """Wait for its end. The negative number of a signal if one ended it; None if the server ended too."""
        status = self._lease.recv(STATUS.size)
        return os.waitstatus_to_exitcode(*STATUS.unpack(status)) if len(status) == STATUS.size else None


@contextmanager
def child() -> Iterator[Child]:
    """A new child process; it is killed at the end of the block.

    Raises:
        MachineUnusable: no process can be started.
    """
    ours, its_channel = socket.socketpair()
    lease, its_lease = socket.socketpair()
    with ours, lease:
        with its_channel, its_lease:
            _server.ask([its_channel.fileno(), its_lease.fileno()])
        yield Child(Channel(ours), lease)


class _ForkClient:
    """The fork server as this process sees it. Its threads share it, as do processes forked from this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def ask(self, descriptors: list[int]) -> None:
        """Ask for a child with this channel and this lease."""
        with self._lock:
            if self._running is not None:
                try:
                    socket.send_fds(self._running[1], [_ASKING], descriptors)
                except ConnectionError:  # somebody killed it
                    self.close()
                else:
                    return
            try:
                self._running = _started()
                socket.send_fds(self._running[1], [_ASKING], descriptors)
            except OSError as error:
                raise MachineUnusable(
                    "cannot start the process that reads sources",
                    got=error.strerror or str(error),
                    remedy="Close other programs: too many processes run, or too little memory is left.",
                ) from error

    def close(self) -> None:
        """End the server and its children."""
        if self._running is not None:
            process, control = self._running
            control.close()
            process.kill()  # other processes may hold the socket too, if this one was forked
            process.wait()
            self._running = None


def _started() -> tuple[subprocess.Popen[bytes], socket.socket]:
    paths = [str(Path(path).absolute()) if Path(path).exists() else path for path in sys.path]  # some are only marks
    code = f"import sys; sys.path[:] = {paths!r}; from slomo_batch.sandbox.fork_server import main; main()"
    control, its_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its_control:
        process = subprocess.Popen(  # noqa: S603 this program
            [sys.executable, "-I", "-c", code],
            stdin=its_control.fileno(),
            stdout=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name in _KEPT} | _ONE_THREAD,
            start_new_session=True,
        )
    return process, control


def close() -> None:
    """End the fork server and its children, if there are any. The next child starts another."""
    _server.close()


_server = _ForkClient()
atexit.register(close)
