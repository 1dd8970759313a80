"""Let pairs of frames overlap on a GPU: while one is computed, planes of others are copied up and down.

Each thread starts its work on a stream of its own. The work of one stream runs in the order in which it was started,
and beside that of other streams. A pair is made on one stream by the same kernels in the same order, so timing does
not change its bits. On the CPU nothing here does anything.
"""

import threading
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


class _OwnStreams(threading.local):
    """The streams of a thread, by device."""

    def __init__(self) -> None:
        self.of: dict[torch.device, torch.cuda.Stream] = {}


_own = _OwnStreams()


def own_stream(device: torch.device) -> AbstractContextManager[object]:
    """Start all work within on the calling thread's own stream of the device.

    The allocator gives memory that the stream freed only to the same stream again, behind all work that used it.
    """
    if device.type == "cpu":
        return nullcontext()
    if device not in _own.of:
        _own.of[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # missing in torch's stubs
    return torch.cuda.stream(_own.of[device])


class SharedTensor:
    """A tensor that the current stream computes, and that any stream may read afterwards."""

    def __init__(self, tensor: Tensor) -> None:
        is_here = tensor.device.type == "cpu"
        self._tensor = tensor
        self._computed = None if is_here else torch.cuda.current_stream(tensor.device).record_event()

    def read(self) -> Tensor:
        """Return the tensor for work on the current stream, which waits for its values. The thread does not.

        The memory is kept until that work is done, even if the last reference to the tensor is deleted before.
        """
        if self._computed is not None:
            stream = torch.cuda.current_stream(self._tensor.device)
            stream.wait_event(self._computed)
            self._tensor.record_stream(stream)
        return self._tensor


def wait_for_device(device: torch.device) -> None:
    """Wait until the device has done everything that was started, so that any stream may read what it computed."""
    if device.type != "cpu":
        torch.cuda.synchronize(device)
