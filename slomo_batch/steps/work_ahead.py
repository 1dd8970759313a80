"""Do a piece of work for each of several items, some items ahead of the one in use."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], *, num_ahead: int
) -> Generator[Callable[[], Result]]:
    """Yield for each item, in order, a function that returns `work(item)` or raises its error.

    While one is in use, the work for up to `num_ahead` later items is done in threads; with 0, all of it is done when
    the function is called. The threads end with the generator: close it.
    """
    if not num_ahead:
        yield from (partial(work, item) for item in items)
        return
    waiting = iter(items)
    threads = ThreadPoolExecutor(num_ahead, thread_name_prefix="work-ahead")
    try:
        running: deque[Future[Result]] = deque()
        while True:
            running.extend(threads.submit(work, item) for item in islice(waiting, num_ahead + 1 - len(running)))
            if not running:
                return
            yield running[0].result
            running.popleft()
    finally:
        threads.shutdown(cancel_futures=True)
