"""WorkerPool: the chunks that a job's workers hold on Ray (scheduler.worker_fleet has the workers).

A lost worker costs the chunks it held and nothing else: Ray never restarts actors nor repeats their calls, because
dispatch decides what follows from a loss.

A worker that takes many times as long as any other (scheduler.hang_timeout) hangs: it is killed, and the chunk that it
was computing counts as killed by an unexplained death.

A worker that would be idle makes a chunk that is late too (scheduler.second_attempts). Nobody else knows of it.

A machine that is about to be taken away gets nothing new, and chunks that it cannot finish in time start elsewhere.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayError

from slomo_batch.attempts import Attempt, Errored, FramesMade, Succeeded
from slomo_batch.records.commits import ChunkDone
from slomo_batch.scheduler.calls import ChunkCall, Entered
from slomo_batch.scheduler.chunk_worker import (
    HeldChunk,
    StartedWorker,
    WorkerNeeds,
    may_be_the_machines,
    next_report,
    work_of,
)
from slomo_batch.scheduler.hang_timeout import HangTimeout
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.scratch_disk import ScratchDisk
from slomo_batch.scheduler.second_attempts import SecondAttempts, UsualSeconds
from slomo_batch.scheduler.worker_deaths import HAND_BACK_S, WorkerDeaths, is_late, lost
from slomo_batch.scheduler.worker_fleet import WorkerFleet
from slomo_batch.wiring import JobEnvironment

HANG_CHECK_S = 5.0
"""Seconds between two checks of which workers hang."""
LATE_CHECK_S = 1.0
"""Seconds between two checks of which chunks are late."""

Came = list[tuple[ChunkCall, Attempt | FramesMade]]


class WorkerPool:
    """The chunks that workers hold, and those that wait for a machine."""

    def __init__(
        self,
        environment: JobEnvironment,
        needs: WorkerNeeds,
        scratch: ScratchDisk,
        *,
        steps_have_own_cpus: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`steps_have_own_cpus`: workers may hold all that Ray gives them. `clock` is monotonic."""
        self._scratch = scratch
        self._clock = clock
        self._placement: Placement[StartedWorker, ChunkCall] = Placement(slots=needs.slots)
        self._hang_timeout = HangTimeout(least_s=needs.hang_s)
        self._deaths = WorkerDeaths(clock)
        self._usual = UsualSeconds()
        self.fleet = WorkerFleet(
            environment,
            needs,
            self._placement,
            self._deaths,
            self._usual,
            steps_have_own_cpus=steps_have_own_cpus,
            clock=clock,
        )
        self.excluded = self.fleet.excluded
        self._displaced: list[ChunkCall] = []
        """Chunks that wait for another machine than those on which they failed."""
        self._held: dict[Any, HeldChunk] = {}
        self._seconds = SecondAttempts()
        self._hang_check_due_s = self._late_check_due_s = 0.0

    # ---- what is known -----------------------------------------------------------------------------------------------

    def room_for(self, num_ready: int) -> int:
        """How many of the chunk calls that are ready could start now on shared machines."""
        return max(0, self._placement.room_for(num_ready) - len(self._displaced))

    @property
    def isolated_room(self) -> int:
        """Chunk calls for which a machine could be reserved now."""
        return self._placement.isolated_room

    @property
    def refs(self) -> list[Any]:
        """What to wait for; `collect` it when it is ready."""
        return [*self.fleet.refs, *self._held, *self._deaths.refs]

    # ---- out ---------------------------------------------------------------------------------------------------------

    def start(self, call: ChunkCall) -> None:
        """Begin a call, for which there must be room."""
        if call.order.isolated:
            self._placement.reserve(call, avoid=call.order.avoid)
        elif call.order.avoid:
            self._displaced.append(call)
            self._start_displaced()
        else:
            self._make(call, self._placement.take())

    def _start_displaced(self) -> None:
        """Start chunks that failed elsewhere, if there is room for them."""
        waiting, self._displaced = self._displaced, []
        for call in waiting:
            worker = self._placement.take_elsewhere(call.order.avoid)
            if worker is None:
                self._displaced.append(call)
            else:
                self._make(call, worker)

    def _make(self, call: ChunkCall, worker: StartedWorker) -> None:
        ref = worker.actor.make.options(num_returns="streaming").remote(call)
        if all(held.worker is not worker for held in self._held.values()):
            worker.heard_s = self._clock()
        self._held[ref] = HeldChunk(call, worker, self._clock())

    def start_second_attempts(self, num_awaited: int) -> None:
        """Let idle workers make chunks that are late too, the latest first. `num_awaited` other chunks can start now or
        soon: so many workers stay idle for them."""
        now_s, num_free = self._clock(), self._placement.num_idle - len(self._displaced) - num_awaited
        if num_free <= 0 or now_s < self._late_check_due_s:
            return
        self._late_check_due_s = now_s + LATE_CHECK_S
        late = [held for held in self._held.values() if self._is_late(held, now_s)]
        for held in sorted(late, key=lambda held: held.since_s)[:num_free]:
            worker = self._placement.take_idle(beside=held.worker.node)
            if worker is not None:
                self._make(self._seconds.begin(held.call), worker)

    def _is_late(self, held: HeldChunk, now_s: float) -> bool:
        took_s = now_s - held.since_s
        return self._seconds.may_have_one(held.call) and self._usual.is_late(work_of(held.call.task), took_s)

    # ---- in ----------------------------------------------------------------------------------------------------------

    def start_waiting(self) -> None:
        """Begin a turn: start the chunks that waited for a machine which is free now."""
        self._deaths.begin_turn()
        for chunk, worker in self._placement.cleared():
            self._make(chunk, worker)
        self._start_displaced()

    def take_back(self) -> Came:
        """End workers that hang or whose machine goes, and return what they held. Call it after `collect`: what is
        ready comes first."""
        return self._seconds.those_that_count(self._take_back())

    def _take_back(self) -> Came:
        came: Came = []
        for worker in self.fleet.on_machines_that_go(partial(is_late, now_s=time.time())):
            came += self._hear_out(worker)
            reason = f"taken back: its machine goes away in less than {HAND_BACK_S:g} s"
            came += [lost(held.call, worker.node, reason, explained=True) for held in self._remove_worker(worker)]
        for ref in self._deaths.overdue():
            came += self._settle(ref)
        now = self._clock()
        if now >= self._hang_check_due_s:
            self._hang_check_due_s = now + HANG_CHECK_S
            came += self._end_hanging(now)
            self.fleet.end_late_starts(now)
        return came

    def _end_hanging(self, now_s: float) -> Came:
        """Kill workers that hang, unless they have something to report."""
        came: Came = []
        for worker in {held.worker for held in self._held.values() if self._hangs(held, now_s)}:
            came += self._hear_out(worker)
            if any(held.worker is worker and self._hangs(held, now_s) for held in self._held.values()):
                came += self._kill_hanging(worker, now_s)
        return came

    def _hangs(self, held: HeldChunk, now_s: float) -> bool:
        if not self._hang_timeout.is_known:
            return now_s - held.worker.heard_s > self._hang_timeout.unknown_s
        return now_s - held.since_s > self._hang_timeout.limit_s(work_of(held.call.task))

    def _kill_hanging(self, worker: StartedWorker, now_s: float) -> Came:
        """Kill a worker that hangs; chunks that it held for less long are not to blame."""
        came: Came = []
        for held in self._remove_worker(worker):
            took_s, hung = now_s - held.since_s, self._hangs(held, now_s)
            if hung:
                self.excluded.failed(worker.node, held.call.task.chunk.chunk_id)
            reason = (
                f"its worker did not respond for {took_s:.0f} s and was killed"
                if hung
                else "its worker was killed because another chunk hung there"
            )
            came.append(lost(held.call, worker.node, reason, explained=not hung))
        return came

    def collect(self, ref: Any) -> Came:
        """What came, by one of `refs` that is ready."""
        return self._seconds.those_that_count(self._collect(ref))

    def _collect(self, ref: Any) -> Came:
        if ref in self.fleet:
            self.fleet.continue_start(ref)
            return []
        if ref in self._deaths:
            return self._settle(ref)
        return self._report(ref) if ref in self._held else []

    def _report(self, ref: Any) -> Came:
        held = self._held[ref]
        report = next_report(ref, held.call)
        if isinstance(report, RayError):
            return self._died(held.worker, report)
        return self._take_in(ref, report)

    def _take_in(self, ref: Any, said: Attempt | FramesMade | Entered) -> Came:
        held = self._held[ref]
        held.worker.heard_s = self._clock()
        if isinstance(said, Entered):
            held.is_computing = said.phase == "computing"
            return []
        if isinstance(said, FramesMade):
            return [(held.call, said)]
        if isinstance(said, Errored):
            said = self._scratch.blamed_on_stitches(replace(said, machine=held.worker.node))
            said = self.excluded.attribute(said)
        del self._held[ref]
        held.worker.idle_since_s = self._clock()
        self._placement.freed(held.worker)
        self._record_result(held, said)
        return [(held.call, said)]

    def _record_result(self, held: HeldChunk, outcome: Attempt) -> None:
        """Record what became of a chunk for its machine."""
        machine, task = held.worker.node, held.call.task
        if isinstance(outcome, Succeeded) and isinstance(outcome.result, ChunkDone):
            if not outcome.was_found:
                self.excluded.made(machine, task.chunk.chunk_id, outcome.result.seconds.total)
                self._hang_timeout.made(work_of(task), outcome.result.seconds.total)
                self._usual.made(work_of(task), outcome.result.seconds.total)
        elif isinstance(outcome, Errored) and may_be_the_machines(outcome.error):
            took_s = self._clock() - held.since_s
            self.excluded.failed(machine, task.chunk.chunk_id, took_s, error=outcome.error)

    def _died(self, worker: StartedWorker, error: RayError) -> Came:
        """A worker is dead. What its calls reported before counts first."""
        came = self._hear_out(worker)
        return [*came, *self._deaths.report(worker.node, error, self._remove_worker(worker))]

    def _hear_out(self, worker: StartedWorker) -> Came:
        """All that a worker's calls have reported by now."""
        came: Came = []
        for ref in [ref for ref, held in self._held.items() if held.worker is worker]:
            while ref in self._held and ray.wait([ref], timeout=0)[0]:
                report = next_report(ref, self._held[ref].call)
                if isinstance(report, RayError):
                    break
                came += self._take_in(ref, report)
        return came

    def _settle(self, ref: Any) -> Came:
        """It is known whether the machine of a dead worker is alive."""
        settled = self._deaths.settle(ref)
        for call, loss in settled:
            if not loss.explained:
                self.excluded.failed(loss.machine, call.task.chunk.chunk_id)
        return [*settled]

    def _remove_worker(self, worker: StartedWorker) -> list[HeldChunk]:
        """Remove a worker that is dead or is to be killed. Returns what it held."""
        held = {ref: each for ref, each in self._held.items() if each.worker is worker}
        for ref in held:
            del self._held[ref]
        self.fleet.remove(worker)
        return list(held.values())

    def close(self) -> None:
        """Kill all workers and abandon what they hold."""
        self.fleet.close()
        self._held.clear()
        self._displaced.clear()
        self._deaths.clear()
