"""RayEngine: model calls go to a pool of workers, all others are tasks. Data moves through the store, never Ray's."""

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
from slomo_batch.scheduler.calls import Call, ChunkCall, ChunkStored, Entered, Outcome, TaskCall, perform
from slomo_batch.scheduler.limits import COUNT_CPUS_S, steps_in_flight
from slomo_batch.scheduler.worker_pool import Pool, WorkerNeeds
from slomo_batch.wiring import JobEnvironment, open_context


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def run_task(environment: JobEnvironment, call: TaskCall) -> Iterator[Outcome | Entered]:
    """A call without a model; its outcomes as they come. An error says where it happened."""
    machine = ray.get_runtime_context().get_node_id()
    try:
        context = open_context(environment)
    except VersionMismatch as error:
        yield Errored(head=call.head, error=error, machine=machine)
        return
    for said in perform(call, context):
        yield replace(said, machine=machine) if isinstance(said, Errored) else said


class RayEngine:
    """Carries calls to the Ray this process is connected to.

    `num_tasks` calls without a model run at a time; None: as many as the cluster's CPUs are for, which come and go.
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
        self._clock = clock
        self._max_workers = needs.max_workers
        self._follows_cpus = num_tasks is None
        self._num_tasks = num_tasks or 0
        self._count_due_s = 0.0
        self._num_slots = needs.slots
        self._pool = Pool(environment, needs, clock=clock)
        self._tasks: dict[Any, TaskCall] = {}

    @property
    def task_room(self) -> int:
        """See Engine."""
        if self._follows_cpus and self._clock() >= self._count_due_s:
            self._count_due_s = self._clock() + COUNT_CPUS_S
            num_cpus = cluster_total("CPU") - self._pool.cpus_of_gpu_workers
            self._num_tasks = steps_in_flight(num_cpus, self._max_workers)
        return self._num_tasks - len(self._tasks)

    def chunk_room(self, num_ready: int) -> int:
        """See Engine."""
        return self._pool.room_for(num_ready)

    @property
    def suspect_room(self) -> int:
        """See Engine."""
        return self._pool.suspect_room

    @property
    def num_workers(self) -> int:
        """See Engine."""
        return self._pool.num_up

    @property
    def num_slots(self) -> int:
        """See Engine."""
        return self._pool.num_up * self._num_slots

    def start(self, call: Call) -> None:
        """See Engine."""
        if isinstance(call, ChunkCall):
            self._pool.start(call)
        else:
            self._tasks[run_task.options(**self._pool.elsewhere).remote(self._environment, call)] = call

    def scale(self, demand: int) -> None:
        """See Engine."""
        self._pool.scale(demand)

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """See Engine."""
        came: list[tuple[Call, Outcome]] = [*self._pool.turn()]
        waiting = [*self._pool.refs, *self._tasks]
        if not waiting:
            time.sleep(0 if came else timeout_s)
            return came
        ready, rest = ray.wait(waiting, num_returns=1, timeout=0 if came else timeout_s, fetch_local=False)
        if ready and rest:
            more, _ = ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
            ready += more
        for ref in ready:
            came += self._task_outcome(ref) if ref in self._tasks else self._pool.take(ref)
        return came

    def take_notes(self) -> list[str]:
        """See Engine."""
        return self._pool.take_notes()

    def _task_outcome(self, generator: Any) -> list[tuple[Call, Outcome]]:
        """One outcome of a task that has one ready; a generator that ended without an end was lost."""
        call = self._tasks[generator]
        try:
            outcome: Outcome = ray.get(next(generator))
            outcome = self._pool.judged(outcome) if isinstance(outcome, Errored) else outcome
        except StopIteration:
            outcome = Lost(head=call.head, explained=False, cause="the task ended without a result")
        except RayError as error:
            outcome = _failure(call, error)
        if not isinstance(outcome, ChunkStored):
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
    """What became of a task. Where it ran is not known: its machine's death is explained where Ray says so."""
    if isinstance(error, RayTaskError) and not isinstance(error, _LOSSES):
        fault = ProgramFault(f"{type(error.cause).__name__}: {error.cause}", got=str(error))
        return Errored(head=call.head, error=fault)
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return Lost(head=call.head, explained=isinstance(error, NodeDiedError), cause=cause)
