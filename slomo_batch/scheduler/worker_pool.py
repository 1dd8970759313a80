"""WorkerPool: a job's workers on Ray. They start when there is work for them and stop when it is done.

Pending actors are the demand that an autoscaler sees. A lost worker costs the chunks it held and nothing else: Ray
never restarts actors nor repeats their calls, because dispatch decides what follows from a loss.

A worker that takes many times as long as any other (scheduler.hang_timeout) hangs: it is killed, and the chunk that it
was computing counts as killed by an unexplained death. A worker that does not start in time has failed to start.

A machine that is about to be taken away gets nothing new, and chunks that it cannot finish in time start elsewhere. A
bad machine (scheduler.machine_health), or one whose disk is full, gets neither chunks nor workers while there are
others. Some CPUs of each machine of a cluster are kept for steps (scheduler.machine_room).
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from slomo_batch.attempts import Attempt, Errored, FramesMade, Succeeded
from slomo_batch.cluster.nodes import draining_nodes, name_of_node
from slomo_batch.errors import MachineUnfit
from slomo_batch.records.commits import ChunkDone
from slomo_batch.scheduler.calls import ChunkCall, Entered
from slomo_batch.scheduler.chunk_worker import (
    ChunkWorker,
    HeldChunk,
    StartedWorker,
    WorkerNeeds,
    may_be_the_machines,
    next_report,
    work_of,
)
from slomo_batch.scheduler.excluded_machines import ExcludedMachines, kept_off
from slomo_batch.scheduler.failed_starts import start_failed, start_refused
from slomo_batch.scheduler.hang_timeout import HangTimeout
from slomo_batch.scheduler.machine_health import MachineRecord
from slomo_batch.scheduler.machine_room import MachineRoom
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.scratch_disk import ScratchDisk
from slomo_batch.scheduler.worker_deaths import HAND_BACK_S, WorkerDeaths, is_late, lost
from slomo_batch.wiring import JobEnvironment

IDLE_S = 30.0
"""Seconds without work after which a worker gives its device back, so that its machine can go."""
STARTED_WITHIN_S = 10.0
"""Seconds after which a worker that does not answer is waiting for a machine rather than starting on one."""
START_S = 600.0
"""Seconds from the moment at which the machine of a worker is known, after which it has failed to start."""
HANG_CHECK_S = 5.0
"""Seconds between two checks of which workers hang."""
DRAINING_CHECK_S = 0.5
"""Seconds between two checks of which machines are about to be taken away."""

Came = list[tuple[ChunkCall, Attempt | FramesMade]]


class WorkerPool:
    """The workers, what they hold, and what is known of the machines they run on."""

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
        self._environment = environment
        self._needs = needs
        self._scratch = scratch
        self._clock = clock
        self._workers: list[StartedWorker] = []
        self._placement: Placement[StartedWorker, ChunkCall] = Placement(slots=needs.slots)
        self._record = MachineRecord()
        self.excluded = ExcludedMachines(self._record, clock)
        self._room = MachineRoom({} if steps_have_own_cpus else needs.resources, clock)
        self._hang_timeout = HangTimeout(least_s=needs.hang_s)
        self._deaths = WorkerDeaths(clock)
        self._displaced: list[ChunkCall] = []
        """Chunks that wait for another machine than those on which they failed."""
        self._notes: list[str] = []
        self._starting: dict[Any, StartedWorker] = {}
        self._held: dict[Any, HeldChunk] = {}
        self._leaving: Mapping[str, int] = {}
        self._draining_check_due_s = 0.0
        self._hang_check_due_s = 0.0

    # ---- what is known -----------------------------------------------------------------------------------------------

    def room_for(self, num_ready: int) -> int:
        """How many of the chunk calls that are ready could start now on shared machines."""
        return max(0, self._placement.room_for(num_ready) - len(self._displaced))

    @property
    def isolated_room(self) -> int:
        """Chunk calls for which a machine could be reserved now."""
        return self._placement.isolated_room

    @property
    def num_up(self) -> int:
        """Workers that may be given chunks."""
        return sum(worker.is_up for worker in self._workers)

    @property
    def num_pending(self) -> int:
        """Workers that are starting or wait for a machine."""
        return len(self._workers) - self.num_up

    @property
    def cpus_of_workers(self) -> float:
        """CPUs that workers hold, so that no step can have them."""
        return self._needs.num_cpus * sum(bool(worker.node) for worker in self._workers)

    @property
    def nodes(self) -> set[str]:
        """Machines on which a worker runs or loads."""
        return {worker.node for worker in self._workers if worker.node}

    def _num_placed(self) -> Counter[str]:
        """Workers by machine."""
        return Counter(worker.node for worker in self._workers if worker.node)

    @property
    def refs(self) -> list[Any]:
        """What to wait for; `collect` it when it is ready."""
        return [*self._starting, *self._held, *self._deaths.refs]

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

    def scale(self, demand: int, foreseen: int = 0) -> None:
        """See Engine. Only workers with GPUs start for `foreseen` chunks: others would take the CPUs of their steps."""
        self._check_draining()
        kept = self._workers_for(demand)
        wanted = self._workers_for(demand + foreseen) if self._needs.num_gpus else kept
        avoided = self._leaving.keys() | self.excluded.names
        self.excluded.forget_gone()
        self._placement.leave(avoided | self.excluded.resting(self._num_placed().keys() - avoided))
        self._placement.put_on_probation(self.excluded.on_probation)
        for worker in [worker for worker in self._workers if worker.node in avoided and self._is_idle(worker)]:
            self._retire(worker)
        staying = [worker for worker in self._workers if worker.node not in avoided]
        for worker in self._dispensable(staying, kept, wanted):
            self._retire(worker)
        self._start_workers(wanted - sum(bool(worker.node) for worker in staying), avoided)

    def _is_long_idle(self, worker: StartedWorker) -> bool:
        return self._clock() - worker.idle_since_s > IDLE_S

    def _workers_for(self, num_chunks: int) -> int:
        needs = self._needs
        return max(needs.min_workers, min(needs.max_workers, math.ceil(num_chunks / needs.slots)))

    def _dispensable(self, workers: list[StartedWorker], kept: int, wanted: int) -> list[StartedWorker]:
        """Workers that can stop without loss: without a machine beyond `wanted`, or long idle beyond `kept`."""
        pending = self._waiting[: max(0, len(workers) - wanted)]
        idle = [worker for worker in workers if worker.node and self._is_long_idle(worker) and self._is_idle(worker)]
        return pending + idle[: max(0, len(workers) - len(pending) - kept)]

    def _check_draining(self) -> None:
        now = self._clock()
        if now >= self._draining_check_due_s:
            self._draining_check_due_s = now + DRAINING_CHECK_S
            self._leaving = draining_nodes()

    def _is_idle(self, worker: StartedWorker) -> bool:
        return not worker.is_up or self._placement.is_idle(worker)

    def _start_workers(self, wanted: int, avoided: Collection[str]) -> None:
        """Have so many workers wait for a machine: as many as the machines have room for, and the others for machines
        that an autoscaler starts, since waiting workers are the demand that it sees."""
        if wanted <= 0:
            return
        openings = self._room.openings(self._num_placed(), avoided)
        off, off_all = self.excluded.names | openings.full, self.excluded.names | openings.limited
        for worker in [worker for worker in self._waiting if worker.kept_off not in (off, off_all)]:
            if self._clock() - worker.idle_since_s > STARTED_WITHIN_S:
                self._retire(worker)
        elsewhere = [worker for worker in self._waiting if not worker.kept_off.isdisjoint(openings.open)]
        num_here = min(wanted, openings.room) - (len(self._waiting) - len(elsewhere))
        for worker in elsewhere[: max(0, num_here + len(self._waiting) - wanted)]:
            self._retire(worker)
        for _ in range(num_here):
            self._start_worker(off)
        for _ in range(wanted - len(self._waiting)):
            self._start_worker(off_all)

    @property
    def _waiting(self) -> list[StartedWorker]:
        """Workers that Ray has placed on no machine, as far as is known."""
        return [worker for worker in self._workers if not worker.node]

    def _start_worker(self, off: frozenset[str]) -> None:
        needs = self._needs
        actor_class: Any = ray.remote(max_restarts=0, max_task_retries=0)(ChunkWorker)
        options = {"num_gpus": needs.num_gpus, "num_cpus": needs.num_cpus, "max_concurrency": needs.slots}
        actor = actor_class.options(**options, **kept_off(off)).remote(self._environment, needs)
        worker = StartedWorker(actor=actor, idle_since_s=self._clock(), kept_off=off)
        self._workers.append(worker)
        self._starting[worker.actor.node.remote()] = worker

    def _retire(self, worker: StartedWorker) -> None:
        self._workers.remove(worker)
        self._placement.gone(worker)
        self._starting = {ref: starting for ref, starting in self._starting.items() if starting is not worker}
        ray.kill(worker.actor)

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
        came: Came = []
        late = {node for node, goes_ms in self._leaving.items() if is_late(goes_ms, time.time())}
        for worker in [worker for worker in self._workers if worker.node in late] if late else ():
            came += self._hear_out(worker)
            reason = f"taken back: its machine goes away in less than {HAND_BACK_S:g} s"
            came += [lost(held.call, worker.node, reason, explained=True) for held in self._remove_worker(worker)]
        for ref in self._deaths.overdue():
            came += self._settle(ref)
        now = self._clock()
        if now >= self._hang_check_due_s:
            self._hang_check_due_s = now + HANG_CHECK_S
            came += self._end_hanging(now)
            self._end_late_starts(now)
        return came

    def _end_hanging(self, now_s: float) -> Came:
        """Kill workers that hang, unless they have something to report."""
        came: Came = []
        for worker in {held.worker for held in self._held.values() if self._hangs(held, now_s)}:
            came += self._hear_out(worker)
            if any(held.worker is worker and self._hangs(held, now_s) for held in self._held.values()):
                came += self._kill_hanging(worker, now_s)
        return came

    def _end_late_starts(self, now_s: float) -> None:
        """Kill workers that did not start in time."""
        for ref, worker in list(self._starting.items()):
            if worker.node and now_s - worker.placed_s > START_S and not ray.wait([ref], timeout=0)[0]:
                self._retire(worker)
                reason = f"a worker did not start within {START_S:.0f} s"
                self._notes.append(f"{reason} on {name_of_node(worker.node)} and was killed")
                start_failed(worker.node, reason, self._workers, self._record)

    def take_notes(self) -> list[str]:
        """What a person should know about workers and machines, since the last call."""
        notes, self._notes = self._notes, []
        return [*notes, *self.excluded.take_notes()]

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
        if ref in self._starting:
            self._continue_start(ref)
            return []
        if ref in self._deaths:
            return self._settle(ref)
        return self._report(ref) if ref in self._held else []

    def _continue_start(self, ref: Any) -> None:
        worker = self._starting.pop(ref)
        try:
            answer = ray.get(ref)
        except RayError as error:
            self._retire(worker)
            if isinstance(error, RayTaskError) and isinstance(error.cause, MachineUnfit):
                start_refused(worker.node, error.cause, self.excluded)
            elif not self._deaths.is_explained(error, worker.node):
                start_failed(worker.node, str(error), self._workers, self._record)
            return
        if worker.node:
            worker.is_up, worker.idle_since_s = True, self._clock()
            self._record.started(worker.node)
            self._record.started("")
            self._placement.up(worker, worker.node)
        elif self._room.may_take(answer, self._num_placed()):
            worker.node, worker.placed_s = answer, self._clock()
            self._starting[worker.actor.open.remote()] = worker
        else:
            self._retire(worker)

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
        if worker in self._workers:
            self._retire(worker)
        return list(held.values())

    def close(self) -> None:
        """Kill all workers and abandon what they hold."""
        for worker in self._workers:
            ray.kill(worker.actor)
        self._workers.clear()
        self._starting.clear()
        self._held.clear()
        self._displaced.clear()
        self._deaths.clear()
