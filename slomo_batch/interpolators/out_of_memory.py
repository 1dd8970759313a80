"""Map every way in which torch and Python run out of memory to one error."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from slomo_batch.errors import OutOfMemory

NO_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "out of memory")
"""Messages of torch, its CPU allocator and the C++ library for out-of-memory errors without an own class."""


@contextmanager
def out_of_memory_mapped(width: int, height: int) -> Iterator[None]:
    """Map every out-of-memory error to OutOfMemory; other errors are bugs, and pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(words in str(error).lower() for words in NO_MEMORY):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(
            "a pair of frames does not fit into memory",
            where=f"{width}x{height}",
            got=str(error).partition("\n")[0],
            remedy="Set interpolate.flow_scale to 1/2 or 1/4, or use a machine with more memory.",
        ) from error
