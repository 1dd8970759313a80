"""InlineEngine: carry calls out on threads of this process, without Ray. For a laptop, one file, and tests.

A thread cannot be ended from outside. A call that hangs is reported, with its source and step, and keeps its thread.
"""

import queue
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from slomo_batch.attempts import Errored
from slomo_batch.errors import AbilityMissing, ProgramFault
from slomo_batch.plan.needs import Needs
from slomo_batch.scheduler.abilities import missing, probe_abilities
from slomo_batch.scheduler.calls import Call, ChunkCall, Entered, Outcome, is_end, perform
from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.waiting_clock import WaitingClock
from slomo_batch.steps.context import StepContext

LEAST_SILENCE_S = 60.0
"""Seconds before which no call is reported."""
_HERE = "this process"
"""The one worker and the one machine."""


class InlineEngine:
    """`num_slots` chunks and `num_tasks` other calls at a time. Calls that run end before `close` returns."""

    def __init__(
        self,
        context: StepContext,
        *,
        num_slots: int,
        num_tasks: int,
        hang_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A call that is silent for `hang_s` seconds, and for a minute, is reported once. `clock` is monotonic."""
        self._hang_s = max(hang_s, LEAST_SILENCE_S)
        self._clock = WaitingClock(clock)
        self._heard_s: dict[int, tuple[Call, float]] = {}
        """Calls that run, by identity, and when each last reported something; those that were reported excluded."""
        self._context = context
        self._num_slots = num_slots
        self._num_tasks = num_tasks
        self._chunks = ThreadPoolExecutor(num_slots, thread_name_prefix="chunk")
        self._tasks = ThreadPoolExecutor(num_tasks, thread_name_prefix="task")
        self._placement: Placement[str, ChunkCall] = Placement(slots=num_slots)
        self._placement.up(_HERE, _HERE)
        self._tasks_running = 0
        self._came: queue.SimpleQueue[tuple[Call, Outcome]] = queue.SimpleQueue()

    @property
    def task_room(self) -> int:
        """See Engine."""
        return self._num_tasks - self._tasks_running

    def chunk_room(self, num_ready: int) -> int:  # noqa: ARG002 no thread is slower than another
        """See Engine."""
        return self._placement.room

    @property
    def isolated_room(self) -> int:
        """See Engine."""
        return self._placement.isolated_room

    @property
    def num_workers(self) -> int:
        """See Engine."""
        return 1

    @property
    def num_pending(self) -> int:
        """See Engine."""
        return 0

    @property
    def num_machines(self) -> int:
        """See Engine."""
        return 1

    @property
    def num_slots(self) -> int:
        """See Engine."""
        return self._num_slots

    @property
    def waiting_s(self) -> Mapping[Step, float]:
        """See Engine: a thread is free for each step."""
        return {}

    def start(self, call: Call) -> None:
        """See Engine."""
        if not isinstance(call, ChunkCall):
            self._tasks_running += 1
            self._submit(self._tasks, call)
        elif call.order.isolated:
            self._placement.reserve(call, avoid=call.order.avoid)
        else:
            self._placement.take()
            self._submit(self._chunks, call)

    def _submit(self, threads: ThreadPoolExecutor, call: Call) -> None:
        self._heard_s[id(call)] = call, self._clock()
        threads.submit(self._perform, call)

    def _perform(self, call: Call) -> None:
        try:
            for outcome in perform(call, self._context):
                if not isinstance(outcome, Entered):  # of use only to an engine that outlives the process of the call
                    self._came.put((call, outcome))
        except Exception as error:  # noqa: BLE001 the thread's outermost frame: a defect fails its video, not the job
            trace = "".join(traceback.format_exception(error))
            self._came.put((call, Errored(head=call.head, error=ProgramFault(repr(error), got=trace))))

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """See Engine."""
        for chunk, _ in self._placement.cleared():
            self._submit(self._chunks, chunk)
        came: list[tuple[Call, Outcome]] = []
        while True:
            try:
                call, outcome = self._came.get(timeout=0 if came else timeout_s)
            except queue.Empty:
                return came
            self._hear(call, outcome)
            if isinstance(call, ChunkCall) and is_end(outcome):
                self._placement.freed(_HERE)
            elif not isinstance(call, ChunkCall):
                self._tasks_running -= is_end(outcome)
            came.append((call, outcome))

    def _hear(self, call: Call, outcome: Outcome) -> None:
        if is_end(outcome):
            self._heard_s.pop(id(call), None)
        elif id(call) in self._heard_s:
            self._heard_s[id(call)] = call, self._clock()

    def scale(self, demand: int, foreseen: int = 0) -> None:
        """See Engine. Does nothing: threads cost nothing while they wait."""

    def require(self, needs: Needs) -> None:
        """See Engine. A job that began with a GPU, or with more memory, may go on here without."""
        needs = replace(needs, gpu=False, memory_bytes=0)
        lacks = () if needs.are_met_everywhere else missing(needs, probe_abilities())
        if lacks:
            what = " and ".join(lack.what for lack in lacks)
            settings = " and ".join(lack.setting for lack in lacks)
            raise AbilityMissing(
                f"this machine lacks {what}, which this job uses",
                remedy=f"Run it on a machine like the one it began on, or set {settings} in a job of another name.",
            )

    def take_notes(self, *, at_end: bool) -> list[str]:  # noqa: ARG002 a note here waits for nothing
        """See Engine: the calls that seem to hang."""
        now_s = self._clock()
        silent = [call for call, heard_s in self._heard_s.values() if now_s - heard_s > self._hang_s]
        for call in silent:
            del self._heard_s[id(call)]
        return [_hanging(call, self._hang_s) for call in silent]

    def close(self) -> None:
        """See Engine."""
        for pool in (self._chunks, self._tasks):
            pool.shutdown(wait=True, cancel_futures=True)


def _hanging(call: Call, hang_s: float) -> str:
    what = f"chunk {call.head.chunk}" if isinstance(call, ChunkCall) else call.head.step
    silence = f"{call.head.uri}: {what} has reported nothing for {hang_s:g} s"
    return f"{silence}. If it hangs, press Ctrl-C twice and run again, with cluster.address: local to have it ended"
