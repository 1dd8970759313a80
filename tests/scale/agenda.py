"""The agenda of a simulation: what happens at which time, and the clock that jumps from one to the next."""

from collections.abc import Callable
from heapq import heappop, heappush

from slomo_batch.scheduler.calls import Call, Outcome

Came = list[tuple[Call, Outcome]]
"""What a happening tells the driver."""


class Agenda:
    """Happenings in the order of their times; those of one time, in the order in which they were put down."""

    def __init__(self) -> None:
        self._happenings: list[tuple[float, int, Callable[[], Came]]] = []
        self._num_put_down = 0
        self.now_s = 0.0

    def at(self, time_s: float, happens: Callable[[], Came]) -> None:
        """Put down what happens at a time."""
        self._num_put_down += 1
        heappush(self._happenings, (time_s, self._num_put_down, happens))

    def next(self, timeout_s: float) -> Came:
        """Move the clock to the next happening and let it happen, or by the timeout if that is earlier."""
        if not self._happenings or self._happenings[0][0] > self.now_s + timeout_s:
            self.now_s += timeout_s
            return []
        self.now_s, _, happens = heappop(self._happenings)
        return happens()
