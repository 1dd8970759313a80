"""Delays: chunks and steps that failed and wait for their back-off, or for the end of a pause. Pure."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.messages import What


@dataclass(frozen=True, slots=True, order=True)
class Delayed:
    """A chunk or a step that waits until `due_s`."""

    due_s: float
    video: int
    lane: Lane
    what: What


class Delays:
    """What waits, and until when."""

    def __init__(self) -> None:
        self._timed: list[Delayed] = []
        self._held: deque[Delayed] = deque()

    def add(self, delayed: Delayed) -> None:
        """Delay something until it is due."""
        heappush(self._timed, delayed)

    def hold(self, delayed: Delayed) -> None:
        """Delay something until the end of a pause, whenever it is due."""
        self._held.append(delayed)

    def take_due(self, now_s: float) -> Iterator[Delayed]:
        """What is due now."""
        while self._timed and self._timed[0].due_s <= now_s:
            yield heappop(self._timed)

    def take_held(self) -> Iterator[Delayed]:
        """What waits for the end of the pause, the longest first; each is taken when the iterator comes to it."""
        while self._held:
            yield self._held.popleft()
