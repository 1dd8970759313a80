"""Parts of an object, of which a few are transferred at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

PART_BYTES = 16 << 20
"""Size of a part. Of an upload one thread holds it in memory, and it is larger if a file would need too many parts."""
PARALLEL = 4
"""Parts transferred at once."""


def in_parallel(transfer: Callable[[int], Result], starts: Iterable[int]) -> list[Result]:
    """Call `transfer` for every start of a part, a few at a time. The first error cancels those not started."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        running = [pool.submit(transfer, start) for start in starts]
        try:
            return [one.result() for one in running]
        finally:
            for one in running:
                one.cancel()
