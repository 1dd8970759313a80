"""Map every way in which torch and Python run out of memory to one error, also where torch hides it.

If a convolution does not get the memory that it works in, torch tries another algorithm of cuDNN, without an error, and
remembers it. Its sums round differently, so that frames would depend on the free memory of the moment. The allocator
counts such failures, and `out_of_memory_mapped` the ones that became an error; one that did not makes this process
refuse to make frames.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from slomo_batch.errors import OutOfMemory

NO_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "out of memory")
"""Messages of torch, its CPU allocator and the C++ library for out-of-memory errors without an own class."""
NO_ALGORITHM = ("unable to find an engine", "unable to find a valid cudnn algorithm")
"""Messages of torch if it found no algorithm for a convolution; if memory ran out meanwhile, that is the reason."""


class _Failures:
    """Failures of the GPU's allocator that are known, because an error reported each."""

    def __init__(self) -> None:
        self._known = 0
        self._lock = threading.Lock()

    def add_one(self) -> None:
        with self._lock:
            self._known += 1

    def add_all(self) -> None:
        with self._lock:
            self._known = max(self._known, _failed_allocations())

    def are_all_known(self) -> bool:
        with self._lock:
            return _failed_allocations() <= self._known


_failures = _Failures()


def _failed_allocations() -> int:
    """How often the allocator of the GPU had no memory to give, so far in this process."""
    is_used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # missing in torch's stubs
    return int(torch.cuda.memory_stats()["num_ooms"]) if is_used else 0


@contextmanager
def out_of_memory_mapped(width: int, height: int) -> Iterator[None]:
    """Map every out-of-memory error to OutOfMemory; other errors are bugs, and pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(
            "a pair of frames does not fit into memory",
            where=f"{width}x{height}",
            got=str(error).partition("\n")[0],
            remedy="Set interpolate.tiles to always (superslomo) or interpolate.flow_scale to 1/4, or use a machine "
            "with more memory.",
        ) from error


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    message = str(error).lower()
    if isinstance(error, torch.OutOfMemoryError):
        _failures.add_one()
        return True
    if any(words in message for words in NO_ALGORITHM) and not _failures.are_all_known():
        _failures.add_all()
        return True
    return isinstance(error, MemoryError) or any(words in message for words in NO_MEMORY)


def check_algorithms() -> None:
    """Check that no convolution of this process fell back on another algorithm for want of memory.

    Raises:
        OutOfMemory: one did. Or another thread is running out of memory now, and the next check succeeds.
    """
    if not _failures.are_all_known():
        raise OutOfMemory(
            "the GPU had too little memory for an algorithm, and with another one frames would differ",
            remedy="Run again with fewer workers on the GPU, or use one with more memory.",
        )
