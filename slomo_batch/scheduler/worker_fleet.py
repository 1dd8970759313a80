"""WorkerFleet: the worker actors of a job: those that wait for a machine, start on one, or are up.

They start when there is work for them and stop when it is done. Pending actors are the demand that an autoscaler sees.
A worker that does not start in time has failed to start, and so has one that no process begins although a machine has
room for it.

No worker starts on a machine that is about to be taken away, nor on a bad machine (scheduler.machine_health) or one
whose disk is full, while there are others. None stays on a machine that lacks what the job needs
(scheduler.incapable_machines). Some CPUs of each machine of a cluster are kept for steps
(scheduler.machine_room).
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from slomo_batch.cluster.nodes import draining_nodes, free_resources, name_of_node, nodes_of_types
from slomo_batch.errors import MachineUnfit
from slomo_batch.plan.needs import Needs
from slomo_batch.scheduler.abilities import Abilities
from slomo_batch.scheduler.calls import ChunkCall
from slomo_batch.scheduler.chunk_worker import StartedWorker, WorkerNeeds
from slomo_batch.scheduler.excluded_machines import ExcludedMachines, kept_off
from slomo_batch.scheduler.failed_starts import start_failed, start_refused
from slomo_batch.scheduler.machine_health import MachineRecord
from slomo_batch.scheduler.machine_room import MachineRoom
from slomo_batch.scheduler.parcel import Parcel
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.room_watch import BEGIN_S, RoomWatch, Unbegun
from slomo_batch.scheduler.second_attempts import UsualSeconds
from slomo_batch.scheduler.worker_actor import ChunkWorker
from slomo_batch.scheduler.worker_deaths import WorkerDeaths
from slomo_batch.wiring import JobEnvironment

IDLE_S = 30.0
"""Seconds without work after which a worker gives its device back, so that its machine can go. Where chunks take long
it stays longer: it may be needed for a chunk that is late."""
STARTED_WITHIN_S = 10.0
"""Seconds after which a worker that does not answer is waiting for a machine rather than starting on one."""
START_S = 600.0
"""Seconds from the moment at which the machine of a worker is known, after which it has failed to start."""
DRAINING_CHECK_S = 0.5
"""Seconds between two checks of which machines are about to be taken away."""


class WorkerFleet:
    """The workers, and what is known of the machines they run on."""

    def __init__(
        self,
        environment: JobEnvironment,
        needs: WorkerNeeds,
        placement: Placement[StartedWorker, ChunkCall],
        deaths: WorkerDeaths,
        usual: UsualSeconds,
        *,
        steps_have_own_cpus: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`placement` learns which workers are up or gone. `usual`: how long chunks take.

        `steps_have_own_cpus`: workers may hold all that Ray gives them. `clock` is monotonic.
        """
        self._environment = environment
        self._needs = needs
        self._placement = placement
        self._deaths = deaths
        self._usual = usual
        self._clock = clock
        self._workers: list[StartedWorker] = []
        self._record = MachineRecord()
        self.excluded = ExcludedMachines(self._record, clock)
        self._room = MachineRoom({} if steps_have_own_cpus else needs.resources, clock)
        self._notes: list[str] = []
        self._starting: dict[Any, StartedWorker] = {}
        self._room_watch = RoomWatch()
        self._leaving: Mapping[str, int] = {}
        self._draining_check_due_s = 0.0

    # ---- what is known -----------------------------------------------------------------------------------------------

    @property
    def num_up(self) -> int:
        """Workers that may be given chunks."""
        return sum(worker.is_up for worker in self._workers)

    @property
    def num_pending(self) -> int:
        """Workers that are starting or wait for a machine."""
        return len(self._workers) - self.num_up

    def cpus_of_workers(self, machines: Collection[str]) -> float:
        """CPUs of these machines that workers hold, so that no step can have them."""
        return self._needs.num_cpus * sum(worker.node in machines for worker in self._workers)

    @property
    def nodes(self) -> set[str]:
        """Machines on which a worker runs or loads."""
        return {worker.node for worker in self._workers if worker.node}

    def num_placed(self) -> Counter[str]:
        """Workers by machine."""
        return Counter(worker.node for worker in self._workers if worker.node)

    @property
    def refs(self) -> list[Any]:
        """What to wait for: workers that start. `continue_start` one when it is ready."""
        return list(self._starting)

    def __contains__(self, ref: Any) -> bool:
        return ref in self._starting

    def on_machines_that_go(self, is_late: Callable[[int], bool]) -> list[StartedWorker]:
        """The workers on machines that go at a moment, in ms of Unix time, for which `is_late` holds."""
        late = {node for node, goes_ms in self._leaving.items() if is_late(goes_ms)}
        return [worker for worker in self._workers if worker.node in late] if late else []

    def take_notes(self, *, at_end: bool) -> list[str]:
        """What a person should know about workers and machines, since the last call."""
        notes, self._notes = self._notes, []
        return [*notes, *self.excluded.take_notes(at_end=at_end)]

    def require(self, needs: Needs) -> None:
        """See Engine."""
        gpu = needs.gpu and self._needs.num_gpus > 0  # a job that began with GPUs may go on without
        self.excluded.incapable.require(replace(needs, gpu=gpu))

    # ---- how many there are ------------------------------------------------------------------------------------------

    def scale(self, demand: int, foreseen: int = 0) -> None:
        """See Engine. Only workers with GPUs start for `foreseen` chunks: others would take the CPUs of their steps."""
        self._check_draining()
        kept = self._workers_for(demand)
        wanted = self._workers_for(demand + foreseen) if self._needs.num_gpus else kept
        avoided = self._leaving.keys() | self.excluded.closed_to_workers
        self.excluded.forget_gone()
        self._placement.leave(avoided | self.excluded.resting(self.num_placed().keys() - avoided))
        self._placement.put_on_probation(self.excluded.on_probation)
        for worker in [worker for worker in self._workers if worker.node in avoided and self._is_idle(worker)]:
            self._retire(worker)
        staying = [worker for worker in self._workers if worker.node not in avoided]
        for worker in self._dispensable(staying, kept, wanted):
            self._retire(worker)
        self._start_workers(wanted - sum(bool(worker.node) for worker in staying), avoided)

    def _is_long_idle(self, worker: StartedWorker) -> bool:
        return self._clock() - worker.idle_since_s > max(IDLE_S, self._usual.idle_s)

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
        failing = self._record.failed_starts
        openings = self._room.openings(self.num_placed(), failing.union(avoided))
        if failing and not openings.open:  # there is no other machine
            failing, openings = frozenset(), self._room.openings(self.num_placed(), avoided)
        closed, types = self.excluded.closed_to_workers | failing, self.excluded.incapable.types
        off, off_all = closed | openings.full, closed | openings.limited
        for worker in self._waiting:
            is_outdated = worker.kept_off not in (off, off_all) or worker.kept_off_types != types
            if is_outdated and self._clock() - worker.idle_since_s > STARTED_WITHIN_S:
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
        needs, types = self._needs, self.excluded.incapable.types
        actor_class: Any = ray.remote(max_restarts=0, max_task_retries=0)(ChunkWorker)
        options = {"num_gpus": needs.num_gpus, "num_cpus": needs.num_cpus, "max_concurrency": needs.slots}
        actor = actor_class.options(**options, **kept_off(off, types)).remote(Parcel((self._environment, needs)))
        worker = StartedWorker(actor=actor, idle_since_s=self._clock(), kept_off=off, kept_off_types=types)
        self._workers.append(worker)
        self._starting[worker.actor.node.remote()] = worker

    def _retire(self, worker: StartedWorker) -> None:
        self._workers.remove(worker)
        self._placement.gone(worker)
        self._starting = {ref: starting for ref, starting in self._starting.items() if starting is not worker}
        ray.kill(worker.actor)

    def remove(self, worker: StartedWorker) -> None:
        """Remove a worker that is dead or is to be killed."""
        if worker in self._workers:
            self._retire(worker)

    # ---- those that start --------------------------------------------------------------------------------------------

    def continue_start(self, ref: Any) -> None:
        """Go on with a worker that has answered: its machine is known, or it is up."""
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
            self._has_started(worker, answer)
        elif self._room.may_take(answer, self.num_placed()):
            worker.node, worker.placed_s = answer, self._clock()
            self._starting[worker.actor.open.remote()] = worker
        else:
            self._retire(worker)

    def _has_started(self, worker: StartedWorker, abilities: Abilities) -> None:
        self._record.started(worker.node)
        self._record.started("")
        if self.excluded.incapable.add(worker.node, abilities):
            worker.is_up, worker.idle_since_s = True, self._clock()
            self._placement.up(worker, worker.node)
        else:
            self._retire(worker)

    def end_late_starts(self, now_s: float) -> None:
        """Kill workers that did not start in time."""
        for ref, worker in list(self._starting.items()):
            if worker.node and now_s - worker.placed_s > START_S and not ray.wait([ref], timeout=0)[0]:
                self._retire(worker)
                reason = f"a worker did not start within {START_S:.0f} s"
                self._notes.append(f"{reason} on {name_of_node(worker.node)} and was killed")
                start_failed(worker.node, reason, self._workers, self._record)
        self._end_unbegun(now_s)

    def _end_unbegun(self, now_s: float) -> None:
        """Kill workers that no process begins although a machine has room for them: on which one is not known."""
        types = self.excluded.incapable.types
        closed = nodes_of_types(types) if types else frozenset()
        unbegun = {
            ref: Unbegun(needs=self._needs.resources, kept_off=worker.kept_off | closed)
            for ref, worker in self._starting.items()
            if not worker.node
        }
        for ref in self._room_watch.overdue(unbegun, free_resources() if unbegun else {}, now_s):
            if not ray.wait([ref], timeout=0)[0]:
                self._retire(self._starting[ref])
                reason = f"no process began a worker within {BEGIN_S:.0f} s although a machine had room for it"
                self._notes.append(f"{reason}; another one is started")
                if not self.num_up:
                    start_failed("", reason, self._workers, self._record)

    def close(self) -> None:
        """Kill all workers."""
        for worker in self._workers:
            ray.kill(worker.actor)
        self._workers.clear()
        self._starting.clear()
