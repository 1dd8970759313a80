"""Keep freed memory in the process, so that the next tensors do not cause page faults again.

A network frees and allocates the same large tensors for every pair. By default the C library returns them to the kernel
each time, and the page faults cost a tenth of a worker's time (docs/benchmarks). Peak memory stays the same.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Parameters of mallopt(3), from glibc's malloc.h."""
_NEVER = 2**31 - 1
_GROWTH_BYTES = 256 << 20


def keep_freed_memory() -> bool:
    """Configure malloc in this process; return False if the C library is not glibc or rejects a setting."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _GROWTH_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
