"""RayEngine: calls with a model go to a pool of workers, all others are Ray tasks. Ray itself moves no video data."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from slomo_batch.attempts import Errored, Lost
from slomo_batch.cluster.nodes import cluster_total
from slomo_batch.errors import ProgramFault, VersionMismatch
from slomo_batch.scheduler.calls import Call, ChunkCall, Entered, Outcome, TaskCall, is_end, perform
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.limits import COUNT_CPUS_S, steps_in_flight
from slomo_batch.scheduler.waiting_clock import WaitingClock
from slomo_batch.scheduler.worker_pool import WorkerPool
from slomo_batch.wiring import JobEnvironment, open_context


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def run_task(environment: JobEnvironment, call: TaskCall) -> Iterator[Outcome | Entered]:
    """Carry out a call without a model; yield its outcomes as they come. An error says on which machine it happened."""
    machine = ray.get_runtime_context().get_node_id()
    try:
        context = open_context(environment)
    except VersionMismatch as error:
        yield Errored(head=call.head, error=error, machine=machine)
        return
    for said in perform(call, context):
        yield replace(said, machine=machine) if isinstance(said, Errored) else said


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
        self._environment = environment
        self._clock = WaitingClock(clock)
        self._max_workers = needs.max_workers
        self._follows_cpus = num_tasks is None
        self._num_tasks = num_tasks or 0
        self._count_due_s = 0.0
        self._num_slots = needs.slots
        self._pool = WorkerPool(environment, needs, steps_have_own_cpus=not self._follows_cpus, clock=self._clock)
        self._tasks: dict[Any, TaskCall] = {}

    @property
    def task_room(self) -> int:
        """See Engine."""
        if self._follows_cpus and self._clock() >= self._count_due_s:
            self._count_due_s = self._clock() + COUNT_CPUS_S
            num_cpus = cluster_total("CPU") - self._pool.cpus_of_workers
            self._num_tasks = steps_in_flight(num_cpus, self._max_workers)
        return self._num_tasks - len(self._tasks)

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
        return self._pool.num_up

    @property
    def num_pending(self) -> int:
        """See Engine."""
        return self._pool.num_pending

    @property
    def num_slots(self) -> int:
        """See Engine."""
        return self._pool.num_up * self._num_slots

    def start(self, call: Call) -> None:
        """See Engine."""
        if isinstance(call, ChunkCall):
            self._pool.start(call)
        else:
            task = run_task.options(**self._pool.excluded.placement_options)
            self._tasks[task.remote(self._environment, call)] = call

    def scale(self, demand: int) -> None:
        """See Engine."""
        self._pool.scale(demand)

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """See Engine. What is ready counts before anything counts as hanging."""
        self._pool.start_waiting()
        came: list[tuple[Call, Outcome]] = []
        for ref in self._ready(timeout_s):
            came += self._task_outcome(ref) if ref in self._tasks else self._pool.collect(ref)
        return [*came, *self._pool.take_back()]

    def _ready(self, timeout_s: float) -> list[Any]:
        """Calls and workers that have something to report. Waits up to `timeout_s` for the first."""
        waiting = [*self._pool.refs, *self._tasks]
        if not waiting:
            time.sleep(timeout_s)
            return []
        ready, rest = ray.wait(waiting, num_returns=1, timeout=timeout_s, fetch_local=False)
        if ready and rest:
            more, _ = ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
            ready += more
        return ready

    def take_notes(self) -> list[str]:
        """See Engine."""
        return self._pool.excluded.take_notes()

    def _task_outcome(self, generator: Any) -> list[tuple[Call, Outcome]]:
        """The next outcome of a task, which is ready. A generator that ends without a result was lost."""
        call = self._tasks[generator]
        try:
            outcome: Outcome = ray.get(next(generator))
            outcome = self._pool.excluded.attribute(outcome) if isinstance(outcome, Errored) else outcome
        except StopIteration:
            outcome = Lost(head=call.head, explained=False, cause="the task ended without a result")
        except RayError as error:
            outcome = _failure(call, error)
        if is_end(outcome):
            del self._tasks[generator]
        return [(call, outcome)]

    def close(self) -> None:
        """See Engine."""
        for generator in self._tasks:
            ray.cancel(generator, force=True)
        self._tasks.clear()
        self._pool.close()


_LOSSES = (RayActorError, NodeDiedError, WorkerCrashedError, OutOfMemoryError, ObjectLostError)


def _failure(call: TaskCall, error: RayError) -> Errored | Lost:
    """What became of a task. It is unknown where it ran; a loss is explained if Ray says that its machine died."""
    if isinstance(error, RayTaskError) and not isinstance(error, _LOSSES):
        fault = ProgramFault(f"{type(error.cause).__name__}: {error.cause}", got=str(error))
        return Errored(head=call.head, error=fault)
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return Lost(head=call.head, explained=isinstance(error, NodeDiedError), cause=cause)
