"""Stopwatch: measure the seconds that a chunk spends in each stage."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal, TypeVar

from slomo_batch.records.commits import StageSeconds

Stage = Literal["fetch", "decode", "judge", "color", "model", "hash", "encode", "upload"]
T = TypeVar("T")


class Stopwatch:
    """Adds up wall-clock seconds for each stage, of all threads. Stages do not nest within a thread."""

    def __init__(self) -> None:
        self._began = perf_counter()
        self._lock = threading.Lock()
        self._seconds: dict[Stage, float] = {}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Add the time spent inside to the stage `name`."""
        began = perf_counter()
        try:
            yield
        finally:
            took = perf_counter() - began
            with self._lock:
                self._seconds[name] = self._seconds.get(name, 0.0) + took

    def each(self, name: Stage, items: Iterable[T]) -> Iterator[T]:
        """Yield the items; the time taken to produce them is added to the stage `name`."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def seconds(self) -> StageSeconds:
        """The seconds of each stage so far, and the total since the stopwatch was made."""
        rounded = {name: round(seconds, 4) for name, seconds in self._seconds.items()}
        return StageSeconds(**rounded, total=round(perf_counter() - self._began, 4))
