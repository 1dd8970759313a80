"""Second attempts: what to do about a chunk that takes much longer than others did. Pure, and without a clock.

A machine may be slow for a while: it is throttled, or busy with something else. Near the end of a job everything waits
for its chunk. So a worker that has nothing to do makes that chunk too, on another machine. The first attempt to succeed
counts, and the other one is of no matter any more (the backup tasks of Dean and Ghemawat, MapReduce, OSDI 2004, section
3.6). Both may commit: the commit that is there first is the chunk's.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

from slomo_batch.attempts import Succeeded
from slomo_batch.scheduler.calls import Call, ChunkCall, Outcome, is_end

FACTOR = 1.5
"""How many times as long as other chunks of its size a chunk takes if it is late."""
LEAST_S = 10.0
"""Seconds before which no chunk is late."""
MIN_MADE = 10
"""Chunks that must have been made before it is known how long they take."""


_Call = TypeVar("_Call", bound=Call)
_Outcome = TypeVar("_Outcome", bound=Outcome)


class UsualSeconds:
    """How long chunks take, learned from those that were made."""

    def __init__(self) -> None:
        self._num_made = 0
        self._work = 0.0
        self._took_s = 0.0

    def made(self, work: float, took_s: float) -> None:
        """Record how long a chunk of this much work took. The unit is the same for all chunks."""
        self._num_made += 1
        self._work += work
        self._took_s += took_s

    @property
    def idle_s(self) -> float:
        """Seconds for which a worker may be idle until a chunk that began as its last one did is late: as long as half
        a chunk takes, and a fifth more for those that are larger."""
        return 1.2 * (FACTOR - 1) * self._took_s / max(1, self._num_made)

    def is_late(self, work: float, took_s: float) -> bool:
        """Whether a chunk of this much work, in flight for `took_s` seconds, should have been made by now."""
        if self._num_made < MIN_MADE:
            return False
        return took_s > max(LEAST_S, FACTOR * work * self._took_s / self._work)


class SecondAttempts:
    """The pairs of attempts at the same chunk, and which of their reports count."""

    def __init__(self) -> None:
        self._rival: dict[str, str] = {}
        """Of each attempt of a pair the other one, while both run; by id."""
        self._beaten: set[str] = set()
        """Attempts that run although the other one of their pair succeeded."""

    def may_have_one(self, call: ChunkCall) -> bool:
        """Whether a second attempt may begin beside this one: its chunk has not failed, and has no other attempt."""
        attempt, order = call.head.attempt, call.order
        is_single = attempt not in self._rival and attempt not in self._beaten
        return is_single and not order.isolated and not order.avoid

    def begin(self, call: ChunkCall) -> ChunkCall:
        """The second attempt at the chunk of a call that runs."""
        head = replace(call.head, attempt=uuid4().hex)
        second = replace(call, task=replace(call.task, head=head))
        self._rival[call.head.attempt], self._rival[head.attempt] = head.attempt, call.head.attempt
        return second

    def those_that_count(self, came: Iterable[tuple[_Call, _Outcome]]) -> list[tuple[_Call, _Outcome]]:
        """What came without what attempts report that are beaten, and without the failure of one of a pair."""
        return [
            (call, outcome)
            for call, outcome in came
            if not isinstance(call, ChunkCall) or self._counts(call.head.attempt, outcome)
        ]

    def _counts(self, attempt: str, report: Outcome) -> bool:
        if not is_end(report):
            return attempt not in self._beaten
        if attempt in self._beaten:
            self._beaten.remove(attempt)
            return False
        rival = self._rival.pop(attempt, None)
        if rival is None:
            return True
        del self._rival[rival]
        if isinstance(report, Succeeded):
            self._beaten.add(rival)
            return True
        return False
