"""Outage: whether the store answers anybody. If not, the job pauses. Pure: every call brings the time.

A store is away if, without a success between, calls found it busy on several machines, or several times on the only
machine, or the driver itself did. Then nothing starts but a canary, one call every few seconds, and failures do not
count against their chunks and steps. The job continues when the store answers a canary. A call that was running before
does not show that: its success may be older than the pause.

A store that is busy on several machines and answers others is overloaded. Then the job continues, but these failures do
not count either.

An object that the store can never read looks like an outage if nothing else is left to do. So a canary's failure counts
if the driver itself could write meanwhile.

If the only machine of a job, or several machines in a row, cannot use the store (credentials, certificates, clock), the
job pauses in the same way, but only for a short time: these faults pass quickly or not at all.
"""

from collections import deque
from dataclasses import dataclass

from slomo_batch.attempts import Attempt, Errored, Lost
from slomo_batch.errors import ProgramFault, StorageBusy, StoreUnusableHere
from slomo_batch.scheduler.messages import Progressed, StoreAsked, What

StoreCall = tuple[int, What]
"""What a call was for: a chunk or a step of a video."""

WINDOW_S = 30.0
"""Seconds within which failures belong together."""
MIN_MACHINES = 3
"""Machines that find the store busy, if the job has as many."""
MIN_FAILURES = 3
"""Calls that do."""
MIN_DIFFERENT = 2
"""Chunks and steps that they are for: the object that one reads may be all that cannot be read."""
FIRST_CANARY_S = 1.0
"""Seconds from the beginning of a pause to its first canary; then twice as long each time."""
CANARY_S = 15.0
"""Most seconds between two canaries."""
REFUSED_S = 20.0
"""Seconds for which the job continues although no machine can use the store."""
LONG_S = 900.0
"""Seconds of a pause after which the job lets its workers go."""
MAX_PAUSE_S = 86_400.0
"""Seconds after which a pause ends the run."""
MAX_KEPT = 256
"""Failures that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _BusyCall:
    call: StoreCall
    machine: str
    at_s: float


class Outage:
    """What the calls of a job tell about its store."""

    def __init__(self, *, num_machines: int = MIN_MACHINES) -> None:
        """`num_machines`: machines of the job, as far as is known."""
        self._min_machines = min(MIN_MACHINES, num_machines)
        self._busy: deque[_BusyCall] = deque(maxlen=MAX_KEPT)
        """Calls of the last seconds that found the store busy."""
        self._busy_since_success: deque[_BusyCall] = deque(maxlen=MAX_KEPT)
        """Those of them without a success since."""
        self._counted: deque[_BusyCall] = deque(maxlen=MAX_KEPT)
        """Those of them that counted against their chunk or step."""
        self._taken_back: list[StoreCall] = []
        self._canaries: set[StoreCall] = set()
        """Calls in flight that were started during a pause."""
        self._refused_since_s: float | None = None
        self._driver_writes = False
        self._canary_due_s = 0.0
        self._wait_s = FIRST_CANARY_S
        self.is_long = False
        """Whether the pause is so long that workers should go."""
        self.since_s: float | None = None
        """When the pause began; None if the job is not paused."""

    # ---- what dispatch asks ----------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether the job is paused."""
        return self.since_s is not None

    def is_canary_due(self, now_s: float) -> bool:
        """Whether one call shall start although the job is paused."""
        return self.is_on and now_s >= self._canary_due_s

    def most_to_start(self, limit: int, now_s: float) -> int:
        """How many of `limit` calls may start now: one in a while during a pause."""
        if not self.is_on:
            return limit
        return min(limit, 1) if self.is_canary_due(now_s) else 0

    def bears_refusal(self, call: StoreCall | None, now_s: float) -> bool:
        """Whether the job continues although a call could not use the store. None: the driver could not."""
        if self._refused_since_s is None or (self.is_on and call and call not in self._canaries):
            return True
        return now_s - self._refused_since_s < REFUSED_S

    def take_back(self) -> list[StoreCall]:
        """Calls whose failures counted a moment ago, and do not count any more, since the store is to blame."""
        calls, self._taken_back = self._taken_back, []
        return calls

    # ---- what happened ---------------------------------------------------------------------------------------------

    def started(self, call: StoreCall, now_s: float) -> None:
        """Record that a call starts: during a pause it is a canary."""
        if self.since_s is not None:
            self._canaries.add(call)
            self._wait_s = min(CANARY_S, 2 * self._wait_s)
            self._canary_due_s = now_s + self._wait_s
            self.is_long = now_s - self.since_s > LONG_S

    def ended(self, call: StoreCall, attempt: Attempt, now_s: float) -> bool:
        """Record the outcome of a call. Returns whether the store is to blame for its failure, so that it does not
        count."""
        is_canary = call in self._canaries
        self._canaries.discard(call)
        match attempt:
            case Errored(error=StorageBusy(), machine=machine):
                return self._was_busy(_BusyCall(call=call, machine=machine, at_s=now_s), is_canary=is_canary)
            case Errored(error=StoreUnusableHere()):
                self._refused(now_s)
                return True
            case Errored(error=ProgramFault()) | Lost():
                return False  # it may have asked nothing of the store
            case _:
                self._answered(is_canary=is_canary)
                return False

    def progressed(self, call: StoreCall) -> None:
        """Record that a running call has read from the store or written to it."""
        self._answered(is_canary=call in self._canaries)

    def _was_busy(self, busy: _BusyCall, *, is_canary: bool) -> bool:
        for calls in (self._busy, self._busy_since_success):
            calls.append(busy)
            while calls[0].at_s < busy.at_s - WINDOW_S:
                calls.popleft()
        if is_canary and self.is_on:
            return not self._driver_writes
        if self._is_of_the_store(self._busy_since_success):
            self._begin(busy.at_s)
        if self.is_on:
            return True
        if self._min_machines == MIN_MACHINES and self._is_of_the_store(self._busy):
            self._blame_store(busy.at_s)
            return True
        self._counted.append(busy)
        return False

    def hear(self, event: StoreAsked | Progressed, now_s: float) -> None:
        """Record what the driver says of the store."""
        match event:
            case Progressed(video=video, what=what):
                self.progressed((video, what))
            case StoreAsked(outcome=outcome):
                self._driver_writes = outcome == "answered"
                if outcome == "busy":
                    self._begin(now_s)
                elif outcome == "refused":
                    self._refused(now_s)

    def _answered(self, *, is_canary: bool) -> None:
        self._busy_since_success.clear()
        if self.is_on and not is_canary:
            return
        self._canaries.clear()
        self._refused_since_s = self.since_s = None
        self.is_long = False

    def _refused(self, now_s: float) -> None:
        if self._refused_since_s is None:
            self._refused_since_s = now_s
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        if not self.is_on:
            self.since_s = now_s
            self._wait_s = FIRST_CANARY_S
            self._canary_due_s = now_s + FIRST_CANARY_S
            self._blame_store(now_s)

    def _blame_store(self, now_s: float) -> None:
        """Failures of a moment ago do not count any more."""
        self._taken_back += [busy.call for busy in self._counted if busy.at_s >= now_s - WINDOW_S]
        self._counted.clear()

    def _is_of_the_store(self, busy: deque[_BusyCall]) -> bool:
        machines, calls = {one.machine for one in busy}, {one.call for one in busy}
        return len(busy) >= MIN_FAILURES and len(machines) >= self._min_machines and len(calls) >= MIN_DIFFERENT
