"""Memory that tensors give back stays with the process, so that the next tensors need not fault it in again.

A network frees and takes the same large tensors for every pair. The C library by default hands them to the kernel each
time, and faulting them in again costs a tenth of a worker's time (docs/benchmarks). The peak stays the same.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Of mallopt(3) in glibc's malloc.h."""
_NEVER = 2**31 - 1
_GROWTH_BYTES = 256 << 20


def keep_freed_memory() -> bool:
    """Set the allocator of this process; False where the C library is not glibc and knows no such settings."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _GROWTH_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
