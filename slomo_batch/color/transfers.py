"""Move tensors between the CPU and the device of an interpolator.

On the CPU nothing is moved, copied or awaited. On CUDA, copies go through page-locked memory, in the order of the
thread's stream, and no thread waits for one to start or end until it needs what comes down. torch keeps page-locked
memory that is freed, and uses it again once all copies from and to it are done.
"""

import torch
from torch import Tensor

CPU = torch.device("cpu")


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on the device; on the CPU the same tensor."""
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


class Download:
    """Copies tensors to the CPU: any number of them, for which the caller waits once."""

    def __init__(self) -> None:
        self._stream: torch.cuda.Stream | None = None

    def add(self, tensor: Tensor) -> Tensor:
        """Return the tensor on the CPU, or the same tensor if it is there. Its values are valid after `wait`."""
        if tensor.device.type == "cpu":
            return tensor
        self._stream = torch.cuda.current_stream(tensor.device)
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return copy.copy_(tensor, non_blocking=True)

    def wait(self) -> None:
        """Wait for all copies so far. The thread sleeps meanwhile."""
        if self._stream is not None:
            copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # missing in torch's stubs
            copied.record(self._stream)
            copied.synchronize()
            self._stream = None


def to_cpu(*tensors: Tensor) -> list[Tensor]:
    """Return the tensors on the CPU, after one wait for all of them."""
    download = Download()
    copies = [download.add(tensor) for tensor in tensors]
    download.wait()
    return copies
