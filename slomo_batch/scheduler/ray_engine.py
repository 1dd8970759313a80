"""RayEngine: calls with a model go to a pool of workers, all others are Ray tasks. Ray itself moves no video data."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import ray

from slomo_batch.cluster.nodes import machines_for_steps
from slomo_batch.plan.needs import Needs
from slomo_batch.scheduler.abilities import Abilities
from slomo_batch.scheduler.calls import Call, ChunkCall, Outcome, is_end
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.limits import COUNT_CPUS_S, steps_in_flight
from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.scratch_disk import ScratchDisk
from slomo_batch.scheduler.start_check import check_that_a_worker_can_start
from slomo_batch.scheduler.step_placement import check_that_a_step_can_run
from slomo_batch.scheduler.step_pool import StepPool
from slomo_batch.scheduler.waiting_clock import WaitingClock
from slomo_batch.scheduler.worker_pool import WorkerPool
from slomo_batch.wiring import JobEnvironment

GATHER_S = 50e-6
"""Seconds for each call in flight that a turn waits for more reports than one. A `ray.wait` takes a few microseconds of
CPU for each, so waits take less than a tenth of a core however many calls there are."""

HOPE_EVERY_S = 300.0
"""Seconds after which it is checked again whether a worker can start, while none is up. Other machines may take all the
places of a cluster meanwhile, and go."""
STEP_HOPE_EVERY_S = 30.0
"""Seconds between two checks of whether a step can run, while all wait."""


class RayEngine:
    """Carries calls out on the Ray that this process is connected to.

    `num_tasks` calls without a model run at a time; None: as many as the CPUs of the cluster allow, which come and go.
    """

    def __init__(
        self,
        environment: JobEnvironment,
        needs: WorkerNeeds,
        *,
        num_tasks: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = WaitingClock(clock)
        self._max_workers = needs.max_workers
        self._follows_cpus = num_tasks is None
        self._num_tasks = num_tasks or 0
        self._count_due_s = 0.0
        self._worker = needs.resources
        self._waits_since_s = self._hope_due_s = self._step_hope_due_s = self._clock()
        self._incapable: frozenset[str] = frozenset()
        """Incapable machines at the last check of whether a worker can start."""
        self._num_slots = needs.slots
        self._num_chunks = 0
        """Chunk calls that were started and have not ended."""
        scratch = ScratchDisk(self._clock)
        self._pool = WorkerPool(
            environment, needs, scratch, steps_have_own_cpus=not self._follows_cpus, clock=self._clock
        )
        self._fleet = self._pool.fleet
        self._steps = StepPool(environment, self._pool.excluded, scratch, hang_s=needs.hang_s, clock=self._clock)

    @property
    def task_room(self) -> int:
        """See Engine."""
        if self._follows_cpus and self._clock() >= self._count_due_s:
            self._count_due_s = self._clock() + COUNT_CPUS_S
            machines = machines_for_steps()
            num_cpus = sum(machine.get("CPU", 0) for machine in machines.values())
            num_cpus -= self._fleet.cpus_of_workers(machines.keys())
            self._num_tasks = steps_in_flight(num_cpus, self._max_workers)
        return self._num_tasks - len(self._steps)

    def chunk_room(self, num_ready: int) -> int:
        """See Engine."""
        return self._pool.room_for(num_ready)

    @property
    def isolated_room(self) -> int:
        """See Engine."""
        return self._pool.isolated_room

    @property
    def num_workers(self) -> int:
        """See Engine."""
        return self._fleet.num_up

    @property
    def num_pending(self) -> int:
        """See Engine."""
        return self._fleet.num_pending

    @property
    def num_machines(self) -> int:
        """See Engine."""
        return len(self._fleet.nodes | self._steps.nodes)

    @property
    def num_slots(self) -> int:
        """See Engine."""
        return self._fleet.num_up * self._num_slots

    @property
    def waiting_s(self) -> Mapping[Step, float]:
        """See Engine."""
        return self._steps.waiting_s

    def start(self, call: Call) -> None:
        """See Engine."""
        if isinstance(call, ChunkCall):
            self._num_chunks += 1
            self._pool.start(call)
        else:
            self._steps.start(call)

    def scale(self, demand: int, foreseen: int = 0) -> None:
        """See Engine.

        Raises:
            AbilityMissing: no machine can do what the job needs.
            ClusterError: no machine will ever have room for a worker, or run a step.
        """
        incapable = self._pool.excluded.incapable
        self._pool.start_second_attempts(demand - self._num_chunks + foreseen)
        self._fleet.scale(demand, foreseen)
        now_s = self._clock()
        if now_s >= self._step_hope_due_s:
            self._step_hope_due_s = now_s + STEP_HOPE_EVERY_S
            check_that_a_step_can_run(self._steps.waited_s)
        if self._fleet.num_up or not self._fleet.num_pending:
            self._waits_since_s, self._hope_due_s = now_s, now_s + HOPE_EVERY_S
        elif now_s >= self._hope_due_s or incapable.names != self._incapable:
            self._hope_due_s, self._incapable = now_s + HOPE_EVERY_S, incapable.names
            self.check_that_a_worker_can_start()

    def check_that_a_worker_can_start(self) -> None:
        """Check that some machine may have room for a worker, while none is up.

        Raises:
            AbilityMissing: only machines that cannot do what the job needs have.
            ClusterError: none has, nor will.
        """
        check_that_a_worker_can_start(self._worker, self._clock() - self._waits_since_s, self._pool.excluded.incapable)

    @property
    def first_abilities(self) -> Abilities | None:
        """What the worker that started first can do; None before one has."""
        return self._pool.excluded.incapable.first

    def require(self, needs: Needs) -> None:
        """See Engine."""
        self._fleet.require(needs)

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """See Engine. What is ready counts before anything counts as hanging."""
        self._pool.start_waiting()
        came: list[tuple[Call, Outcome]] = []
        for ref in self._ready(timeout_s):
            came += self._steps.collect(ref) if ref in self._steps else self._pool.collect(ref)
        came += [*self._steps.take_back(), *self._pool.take_back()]
        self._num_chunks -= sum(isinstance(call, ChunkCall) and is_end(outcome) for call, outcome in came)
        return came

    def _ready(self, timeout_s: float) -> list[Any]:
        """Calls and workers that have something to report: all that do within a moment, else the first within
        `timeout_s`."""
        waiting = [*self._pool.refs, *self._steps.refs]
        if not waiting:
            time.sleep(timeout_s)
            return []
        gather_s = min(timeout_s, GATHER_S * len(waiting))
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=gather_s, fetch_local=False)
        if not ready and gather_s < timeout_s:
            ready, _ = ray.wait(waiting, num_returns=1, timeout=timeout_s - gather_s, fetch_local=False)
        return ready

    def take_notes(self, *, at_end: bool) -> list[str]:
        """See Engine."""
        return self._fleet.take_notes(at_end=at_end)

    def close(self) -> None:
        """See Engine."""
        self._steps.close()
        self._pool.close()
