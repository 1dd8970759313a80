"""PairPool: the threads that make the frames of pairs, for all chunks that a process works on at a time.

A pair's frames depend on nothing but the source frames around it, so several pairs of a chunk can be made at once, on
one core each, and are the same frames. The chunk's own thread decodes, takes the frames in order, and encodes them.
Memory decides only how many pairs are made at once, never how one is made.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, overload

from slomo_batch.errors import OutOfMemory

T = TypeVar("T")

MEMORY_SHARE = 0.5
"""Share of the available memory that pairs in flight may take."""
AHEAD = 2
"""Pairs that may be in flight for each core: one is made, and one is ready or waits, so that no core does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[T]):
    """A piece of work for the pool, with results in order."""

    run: Callable[[], list[T]]
    num_bytes: int
    """Memory that it takes until its results are taken, estimated."""
    cores: int = 1
    """Threads that it runs on."""


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """The next result of the pool is not ready yet."""


class PairPool:
    """Runs jobs on `cores` threads. Chunks share the threads and the memory."""

    def __init__(self, cores: int, *, memory_bytes: int | None = None, machine_share: float = 1.0) -> None:
        """`memory_bytes` for all jobs in flight; by default half of what is available when the first one starts.

        `machine_share`: the share of it that is for this process, 0 to 1. The others belong to other workers.
        """
        self.cores = cores
        self._free_cores = _Cores(cores)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="pair")
        self._memory = _Memory(memory_bytes, MEMORY_SHARE * machine_share)

    @overload
    def in_order(self, parts: Iterable[Job[T] | Iterator[T]]) -> Iterator[T]: ...

    @overload
    def in_order(self, parts: Iterable[Job[T] | Iterator[T]], *, every_s: float) -> Iterator[T | StillWaiting]: ...

    def in_order(
        self, parts: Iterable[Job[T] | Iterator[T]], *, every_s: float | None = None
    ) -> Iterator[T | StillWaiting]:
        """Yield the results of all parts, in order; and `StillWaiting` each time that the next one has not come for
        `every_s` seconds, if that is given.

        Parts are taken as they can start: jobs run on the pool, while the caller's thread takes further parts. A part
        that is an iterator runs in the caller's thread, after all parts before it.
        """
        started: deque[tuple[Future[list[T]], int]] = deque()
        try:
            for part in parts:
                if not isinstance(part, Job):
                    yield from self._finish(started, 0, every_s)
                    yield from part
                    continue
                yield from self._finish(started, AHEAD * self.cores - 1, every_s)
                while not self._memory.take(part.num_bytes, at_any_cost=not started):
                    yield from self._finish(started, len(started) - 1, every_s)
                started.append((self._threads.submit(self._run, part), part.num_bytes))
            yield from self._finish(started, 0, every_s)
        finally:
            # An error, or the caller needs no more: nothing of this chunk runs on.
            wait([future for future, _ in started if not future.cancel()])
            for _, num_bytes in started:
                self._memory.give_back(num_bytes)

    def _run(self, job: Job[T]) -> list[T]:
        """Run a job; if it runs out of memory, run it once more alone, and fewer jobs at once from then on."""
        with self._free_cores.held(job.cores) as is_alone:
            try:
                return job.run()
            except OutOfMemory:
                if is_alone:
                    raise
        self._free_cores.give_up(job.cores)
        with self._free_cores.all_held():
            return job.run()

    def _finish(
        self, started: deque[tuple[Future[list[T]], int]], most_left: int, every_s: float | None
    ) -> Iterator[T | StillWaiting]:
        """Yield the results of the oldest jobs, until no more than `most_left` are in flight."""
        while len(started) > most_left:
            while every_s is not None and not wait([started[0][0]], timeout=every_s).done:
                yield StillWaiting()
            results = started[0][0].result()
            self._memory.give_back(started.popleft()[1])
            yield from results


class _Memory:
    """The memory of all jobs in flight, estimated."""

    def __init__(self, total_bytes: int | None, share: float) -> None:
        """None: this share of what is available when memory is first taken."""
        self._left_bytes = total_bytes
        self._share = share
        self._lock = threading.Lock()

    def take(self, num_bytes: int, *, at_any_cost: bool) -> bool:
        """Take memory if it is left, or `at_any_cost`: every chunk may have one job in flight, so that it continues."""
        with self._lock:
            left = int(self._share * available_memory()) if self._left_bytes is None else self._left_bytes
            is_taken = num_bytes <= left or at_any_cost
            self._left_bytes = left - num_bytes if is_taken else left
            return is_taken

    def give_back(self, num_bytes: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._left_bytes = (self._left_bytes or 0) + num_bytes


class _Cores:
    """The cores of the pool. A job of several threads waits until so many are free."""

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    def give_up(self, cores: int) -> None:
        """Do without so many cores from now on, but one."""
        with self._changed:
            fewer = min(cores, self._total - 1)
            self._total -= fewer
            self._free -= fewer

    def all_held(self) -> AbstractContextManager[bool]:
        """Hold all cores."""
        return self.held(self._total)

    @contextmanager
    def held(self, cores: int) -> Iterator[bool]:
        """Hold so many cores; all if there are fewer. Yields whether these are all, so that no other job runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= min(cores, self._total))
            wanted = min(cores, self._total)
            self._free -= wanted
            are_all = wanted == self._total
        try:
            yield are_all
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


_CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Return the bytes that this process can still take: of the machine, of its control group, and of its GPU.

    The pictures of a pair are on the GPU if there is one, so its memory limits the pairs in flight as well.
    """
    from slomo_batch.interpolators.device import free_device_memory  # noqa: PLC0415 loads torch

    found = [_meminfo_bytes()]
    if (free := free_device_memory()) is not None:
        found.append(free)
    limit, used = (_number(_CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None:
        found.append(max(0, limit - used))
    return min(found)


def _meminfo_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 4 << 30
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields.get("MemAvailable", f"{4 << 20} kB").split()[0]) << 10


def _number(path: Path) -> int | None:
    """The number in a file; None if there is none, such as for "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
