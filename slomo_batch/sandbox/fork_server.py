"""The fork server: a process that has everything loaded that reads files, and nothing else, and forks children from it.

To start Python and load PyAV and NumPy takes a third of a second; to fork takes milliseconds. And where threads run, as
in the process of a job, a fork is not safe. The server never has had credentials: its parent starts it as a new program
with an environment of its own. It reads no file itself, so each child is as good as new.

The parent asks for a child by a message with two sockets. One is the channel to the child. On the other, the lease, the
server sends what became of the child; if the parent closes it, or dies, the child is killed.
"""

import os
import selectors
import signal
import socket
from contextlib import suppress
from pathlib import Path

from slomo_batch.loading import fast_loading

with fast_loading():
    import numpy.fft
    import numpy.ma  # noqa: F401 both are loaded only when they are used first

    from slomo_batch.interpolators.allocator import keep_freed_memory
    from slomo_batch.media.audio import AudioResult
    from slomo_batch.sandbox.answers import AttachedRecords, ProbeRecord
    from slomo_batch.sandbox.channel import STATUS, Channel, ChannelClosed
    from slomo_batch.sandbox.child import ChildFailure, serve_request
    from slomo_batch.sandbox.confinement import Confinement
    from slomo_batch.serialization import prepare

_CONTROL = 0
"""The descriptor of the socket on which the parent asks: standard input."""


def main() -> None:
    """Serve until the parent has closed its end, or is gone. Then all children are killed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a terminal sends them to all; the parent decides
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    keep_freed_memory()
    with fast_loading():
        prepare(int, float, ProbeRecord, AttachedRecords, AudioResult, Confinement, ChildFailure)
    _Server(socket.socket(fileno=_CONTROL)).serve()
    os._exit(0)


class _Server:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._leases: dict[int, socket.socket] = {}
        self._ended, wakeup = socket.socketpair()
        for end in (self._ended, wakeup):
            end.setblocking(False)
        self._wakeup = wakeup
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)

    def serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    data, received, _, _ = socket.recv_fds(self._control, 64, 2)
                    if not data:
                        return
                    self._fork([socket.socket(fileno=one) for one in received])
                elif key.fileobj is self._ended:
                    self._reap()
                elif self._leases.get(key.data) is key.fileobj:  # the parent has closed it, and the child is not reaped
                    self._selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)

    def _fork(self, ends: list[socket.socket]) -> None:
        try:
            channel, lease = ends
            pid = os.fork()
        except (ValueError, OSError):  # too many files or processes: the parent notices that its sockets close
            for end in ends:
                end.close()
            return
        if pid == 0:
            _be_child(channel.detach())
        channel.close()
        self._leases[pid] = lease
        self._selector.register(lease, selectors.EVENT_READ, data=pid)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._ended.recv(64):
                pass
        while self._leases:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            lease = self._leases.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(lease)
            with suppress(OSError):
                lease.send(STATUS.pack(status))
            lease.close()


def _be_child(channel: int) -> None:
    """Serve one request in this process, which was just forked, and end it."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):  # standard error may be a terminal
            os.dup2(null, standard)
        for opened in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
            if opened not in {0, 1, 2, channel}:
                with suppress(OSError):  # the folder that was listed
                    os.close(opened)
        serve_request(Channel(socket.socket(fileno=channel)))
        code = 0
    except ChannelClosed:
        pass
    finally:
        os._exit(code)
