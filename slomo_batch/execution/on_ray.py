"""RayEngine: model calls run in actors that load once, all others in tasks. Data moves through the store, never Ray's.

Pending actors are the demand that an autoscaler sees. A lost process costs the calls it held and nothing else: actors
are never restarted nor their calls repeated by Ray, because what to do about a loss is the driver's decision.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
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

from slomo_batch.errors import ClusterError, ProgramFault
from slomo_batch.execution.calls import Call, ChunkCall, ChunkStored, Erred, Lost, Outcome, TaskCall, perform
from slomo_batch.execution.cluster.nodes import alive_nodes, draining_nodes
from slomo_batch.planning.placement import Placement
from slomo_batch.wiring import Places, open_bench

MAX_BOOT_FAILURES = 3
"""Workers in a row that failed to start, after which the job stops: the next would fail as well."""
IDLE_S = 30.0
"""Seconds without work after which a worker gives its device back, so that its machine can go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNeeds:
    """What one worker takes, and how many there may be."""

    min_workers: int
    max_workers: int
    num_gpus: float
    num_cpus: float
    slots: int
    """Chunks one worker holds at a time: one in the model, the others fetching, decoding, encoding, uploading."""


@dataclass(slots=True, eq=False)
class _Worker:
    actor: Any
    node: str = ""
    """Empty until the actor runs."""
    idle_since_s: float = field(default_factory=time.monotonic)


class ChunkMaker:
    """The actor: a bench whose model stays loaded."""

    def __init__(self, places: Places) -> None:
        self._bench = open_bench(places)

    def node(self) -> str:
        """Id of the node it runs on."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def make(self, call: ChunkCall) -> Outcome:
        """One attempt at one chunk."""
        *_, last = perform(call, self._bench)
        return last


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def run_task(places: Places, call: TaskCall) -> Iterator[Outcome]:
    """A call without a model; its outcomes as they come."""
    yield from perform(call, open_bench(places))


class RayEngine:
    """Carries calls to the Ray this process is connected to. `num_tasks` calls without a model run at a time."""

    def __init__(self, places: Places, needs: WorkerNeeds, *, num_tasks: int) -> None:
        self._places = places
        self._needs = needs
        self._num_tasks = num_tasks
        self._workers: list[_Worker] = []
        self._placement: Placement[_Worker, ChunkCall] = Placement(slots=needs.slots)
        self._booting: dict[Any, _Worker] = {}
        self._chunks: dict[Any, tuple[ChunkCall, _Worker]] = {}
        self._tasks: dict[Any, TaskCall] = {}
        self._boot_failures = 0

    # ---- room ------------------------------------------------------------------------------------------------------

    @property
    def task_room(self) -> int:
        """See Engine."""
        return self._num_tasks - len(self._tasks)

    @property
    def chunk_room(self) -> int:
        """See Engine."""
        return self._placement.room

    @property
    def suspect_room(self) -> int:
        """See Engine."""
        return self._placement.suspect_room

    @property
    def num_workers(self) -> int:
        """See Engine."""
        return sum(1 for worker in self._workers if worker.node)

    @property
    def num_slots(self) -> int:
        """See Engine."""
        return self.num_workers * self._needs.slots

    # ---- out -------------------------------------------------------------------------------------------------------

    def start(self, call: Call) -> None:
        """See Engine."""
        if not isinstance(call, ChunkCall):
            self._tasks[run_task.remote(self._places, call)] = call
        elif call.alone:
            self._placement.keep(call, avoid=call.avoid)
        else:
            self._make(call, self._placement.take())

    def _make(self, call: ChunkCall, worker: _Worker) -> None:
        self._chunks[worker.actor.make.remote(call)] = (call, worker)

    def scale(self, demand: int) -> None:
        """See Engine."""
        needs = self._needs
        wanted = max(needs.min_workers, min(needs.max_workers, math.ceil(demand / needs.slots)))
        leaving = draining_nodes()
        self._placement.leave(leaving)
        for worker in [worker for worker in self._workers if worker.node in leaving and self._is_idle(worker)]:
            self._release(worker)
        staying = [worker for worker in self._workers if worker.node not in leaving]
        for worker in sorted(staying, key=lambda worker: bool(worker.node))[: max(0, len(staying) - wanted)]:
            has_rested = time.monotonic() - worker.idle_since_s > IDLE_S
            if not worker.node or (has_rested and self._is_idle(worker)):
                self._release(worker)
        for _ in range(wanted - len(staying)):
            self._boot()

    def _is_idle(self, worker: _Worker) -> bool:
        return bool(worker.node) and self._placement.is_idle(worker)

    def _boot(self) -> None:
        needs = self._needs
        maker: Any = ray.remote(max_restarts=0, max_task_retries=0)(ChunkMaker)
        actor = maker.options(num_gpus=needs.num_gpus, num_cpus=needs.num_cpus, max_concurrency=needs.slots).remote(
            self._places
        )
        worker = _Worker(actor=actor)
        self._workers.append(worker)
        self._booting[actor.node.remote()] = worker

    def _release(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._placement.gone(worker)
        self._booting = {ref: booting for ref, booting in self._booting.items() if booting is not worker}
        ray.kill(worker.actor)

    # ---- in --------------------------------------------------------------------------------------------------------

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """See Engine."""
        for suspect, worker in self._placement.cleared():
            self._make(suspect, worker)
        waiting = [*self._booting, *self._chunks, *self._tasks]
        if not waiting:
            time.sleep(timeout_s)
            return []
        ready, rest = ray.wait(waiting, num_returns=1, timeout=timeout_s, fetch_local=False)
        if ready and rest:
            more, _ = ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
            ready += more
        came: list[tuple[Call, Outcome]] = []
        for ref in ready:
            if ref in self._booting:
                self._booted(ref)
            elif ref in self._chunks:
                came.append(self._chunk_outcome(ref))
            else:
                came += self._task_outcome(ref)
        return came

    def _booted(self, ref: Any) -> None:
        worker = self._booting.pop(ref)
        try:
            worker.node = ray.get(ref)
        except RayError as error:
            self._workers.remove(worker)
            if _is_explained(error, worker):
                return
            self._boot_failures += 1
            if self._boot_failures >= MAX_BOOT_FAILURES:
                raise ClusterError(
                    f"{MAX_BOOT_FAILURES} workers in a row failed to start",
                    got=str(error),
                    remedy="See the worker's log under /tmp/ray/session_latest/logs on its machine.",
                ) from error
        else:
            self._boot_failures = 0
            worker.idle_since_s = time.monotonic()
            self._placement.up(worker, worker.node)

    def _chunk_outcome(self, ref: Any) -> tuple[Call, Outcome]:
        call, worker = self._chunks.pop(ref)
        worker.idle_since_s = time.monotonic()
        outcome = _outcome(ref, worker)
        if not isinstance(outcome, Lost):
            self._placement.freed(worker)
        elif worker in self._workers:
            self._workers.remove(worker)
            self._placement.gone(worker)
        return call, outcome

    def _task_outcome(self, generator: Any) -> list[tuple[Call, Outcome]]:
        """One outcome of a task that has one ready; a generator that ended without an end was lost."""
        call = self._tasks[generator]
        try:
            outcome = _outcome(next(generator), None)
        except StopIteration:
            outcome = Lost(explained=False, reason="the task ended without a result")
        except RayError as error:
            outcome = _failure(error, None)
        if not isinstance(outcome, ChunkStored):
            del self._tasks[generator]
        return [(call, outcome)]

    def close(self) -> None:
        """See Engine."""
        for generator in self._tasks:
            ray.cancel(generator, force=True)
        for worker in self._workers:
            ray.kill(worker.actor)
        self._workers.clear()
        self._booting.clear()
        self._chunks.clear()
        self._tasks.clear()


def _outcome(ref: Any, worker: _Worker | None) -> Outcome:
    try:
        outcome: Outcome = ray.get(ref)
    except RayError as error:
        return _failure(error, worker)
    return outcome


_LOSSES = (RayActorError, NodeDiedError, WorkerCrashedError, OutOfMemoryError, ObjectLostError)


def _failure(error: RayError, worker: _Worker | None) -> Outcome:
    machine = worker.node if worker else ""
    if isinstance(error, _LOSSES):
        explained, reason = _is_explained(error, worker), f"{type(error).__name__}: {error}".splitlines()[0]
        return Lost(explained=explained, reason=reason, machine=machine)
    if isinstance(error, RayTaskError):
        return Erred(error=ProgramFault(f"{type(error.cause).__name__}: {error.cause}", got=str(error)))
    return Lost(explained=False, reason=f"{type(error).__name__}: {error}".splitlines()[0], machine=machine)


def _is_explained(error: RayError, worker: _Worker | None) -> bool:
    """Whether the machine went, rather than the process alone: then the call is not to blame."""
    if getattr(error, "preempted", False) or isinstance(error, NodeDiedError):
        return True
    if worker is None or not worker.node:
        return False
    alive = alive_nodes()
    return worker.node not in alive or worker.node in draining_nodes()
