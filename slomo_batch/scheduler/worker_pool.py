"""Pool: a job's workers on Ray, actors that hold a model. They come as there is work for them and go when it is done.

Pending actors are the demand that an autoscaler sees. A lost worker costs the chunks it held and nothing else: actors
are never restarted nor their calls repeated by Ray, because what follows from a loss is decided elsewhere.

Ray hears of a process's death sooner than of its machine's. So where a worker died, its machine is asked for a sign of
life first: only if there is one is the death unexplained, and then only chunks that were being computed are to blame.

A worker that takes many times as long as any (scheduler.hang_timeout) hangs: it is killed, and what it was computing is
suspect.

A machine that is to be taken away gets nothing new, and what it cannot finish in time is taken back from it. One that
is found bad (scheduler.machine_health), or whose disk is full, gets neither chunks nor workers, as long as there are
others.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import NodeDiedError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from slomo_batch.attempts import Attempt, ChunkTask, Errored, Lost, Succeeded
from slomo_batch.cluster.nodes import alive_nodes, draining_nodes, name_of_node, working_nodes
from slomo_batch.errors import ClusterError, DiskFull, ProgramFault, SlomoError, VersionMismatch, WorkDamaged
from slomo_batch.records import ChunkDone
from slomo_batch.scheduler.calls import ChunkCall, ChunkStored, Entered, perform
from slomo_batch.scheduler.hang_timeout import HangTimeout
from slomo_batch.scheduler.machine_health import MAX_STARTS, MachineRecord, to_blame
from slomo_batch.scheduler.placement import Placement
from slomo_batch.wiring import JobEnvironment, open_context

IDLE_S = 30.0
"""Seconds without work after which a worker gives its device back, so that its machine can go."""
HAND_BACK_S = 5.0
"""Seconds before its machine goes at which a chunk is taken back from a worker and begun elsewhere."""
LOOK_S = 0.5
"""Seconds between two looks at which machines are to be taken away."""
SIGN_OF_LIFE_S = 60.0
"""Seconds after which a machine that gives no sign of life, but that Ray counts as alive, counts as alive."""

Came = list[tuple[ChunkCall, Attempt]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNeeds:
    """What one worker takes, and how many there may be."""

    min_workers: int
    max_workers: int
    num_gpus: float
    num_cpus: float
    slots: int
    """Chunks one worker holds at a time: one in the model, the others fetching, decoding, encoding, uploading."""
    hang_s: float
    """Seconds before which no worker counts as hanging."""


class ChunkMaker:
    """The actor: a context whose model stays loaded."""

    def __init__(self, environment: JobEnvironment) -> None:
        self._environment = environment

    def node(self) -> str:
        """Id of the node it runs on."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def open(self) -> None:
        """Open what every chunk needs."""
        open_context(self._environment)

    def make(self, call: ChunkCall) -> Iterator[Attempt | Entered]:
        """One attempt at one chunk: its phases as they begin, then what became of it."""
        for said in perform(call, open_context(self._environment)):
            if not isinstance(said, ChunkStored):
                yield said


@ray.remote(num_cpus=0, max_retries=0)
def _sign_of_life() -> None:
    """Runs where it is told to, if anything does."""


@dataclass(slots=True, eq=False)
class _Worker:
    actor: Any
    idle_since_s: float
    node: str = ""
    """Empty until the actor runs."""
    is_up: bool = False
    """True once it may be given chunks."""


@dataclass(slots=True, eq=False)
class _RunningCall:
    call: ChunkCall
    worker: _Worker
    since_s: float
    is_computing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    """Chunks whose worker died, while nobody knows whether their machine did."""

    calls: tuple[ChunkCall, ...]
    machine: str
    reason: str
    until_s: float


class Pool:
    """The workers, what they hold, and what is known of the machines they run on."""

    def __init__(
        self, environment: JobEnvironment, needs: WorkerNeeds, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` only ever rises."""
        self._environment = environment
        self._needs = needs
        self._clock = clock
        self._workers: list[_Worker] = []
        self._placement: Placement[_Worker, ChunkCall] = Placement(slots=needs.slots)
        self._record = MachineRecord()
        self._patience = HangTimeout(least_s=needs.hang_s)
        self._told_bad: frozenset[str] = frozenset()
        self._why_bad: dict[str, str] = {}
        """By machine, where there is more to say than that work fails there."""
        self._displaced: list[ChunkCall] = []
        """Chunks that failed on machines that are free, and wait for another."""
        self._booting: dict[Any, _Worker] = {}
        self._held: dict[Any, _RunningCall] = {}
        self._doubts: dict[Any, _Doubt] = {}
        self._leaving: Mapping[str, int] = {}
        self._look_due_s = 0.0
        self._notes: list[str] = []

    # ---- what is known ---------------------------------------------------------------------------------------------

    def room_for(self, num_ready: int) -> int:
        """How many of the chunk calls in company that are ready could start now."""
        return max(0, self._placement.room_for(num_ready) - len(self._displaced))

    @property
    def suspect_room(self) -> int:
        """Chunk calls for which a machine could be kept now."""
        return self._placement.suspect_room

    @property
    def num_up(self) -> int:
        """Workers that may be given chunks."""
        return sum(worker.is_up for worker in self._workers)

    @property
    def cpus_of_gpu_workers(self) -> float:
        """CPUs that workers with a GPU hold, so that no step can have them."""
        placed = sum(bool(worker.node) for worker in self._workers)
        return placed * self._needs.num_cpus if self._needs.num_gpus else 0.0

    @property
    def refs(self) -> list[Any]:
        """What there is to wait for; `take` it when it is ready."""
        return [*self._booting, *self._held, *self._doubts]

    @property
    def elsewhere(self) -> dict[str, Any]:
        """Options of actors and tasks that keep them off bad machines."""
        bad = sorted(self._record.bad)
        return {"label_selector": {"ray.io/node-id": f"!in({','.join(bad)})"}} if bad else {}

    def judged(self, attempt: Errored) -> Errored | Lost:
        """What an error comes to: where it is its machine's alone and others can work, a loss for that reason."""
        if self.is_of_the_machine(attempt.error, attempt.machine):
            cause = f"its machine cannot work: {attempt.error}"
            return Lost(head=attempt.head, machine=attempt.machine, cause=cause, explained=True)
        return replace(attempt, error=_at_machine(attempt.error, attempt.machine))

    def is_of_the_machine(self, error: SlomoError, machine: str) -> bool:
        """Whether an error is the fault of this machine alone, which gets nothing more while others can work.

        That is so of a full disk, and of code that is not the driver's.
        """
        if not isinstance(error, DiskFull | VersionMismatch) or not machine:
            return False
        others = working_nodes() - self._record.bad - {machine}
        return bool(others) and self._is_set_aside(machine, error)

    def _is_set_aside(self, machine: str, error: DiskFull | VersionMismatch) -> bool:
        if isinstance(error, DiskFull):
            return self._record.cannot_work(machine)
        self._record.runs_other_code(machine)
        self._why_bad[machine] = str(error)
        return True

    def take_notes(self) -> list[str]:
        """What a person should know, since the last call."""
        notes, self._notes = self._notes, []
        return notes

    # ---- out -------------------------------------------------------------------------------------------------------

    def start(self, call: ChunkCall) -> None:
        """Begin a call; only where there is room for it."""
        if call.order.alone:
            self._placement.keep(call, avoid=call.order.avoid)
        elif call.order.avoid:
            self._displaced.append(call)
            self._place()
        else:
            self._make(call, self._placement.take())

    def _place(self) -> None:
        """Start what failed elsewhere, where there is room for it."""
        waiting, self._displaced = self._displaced, []
        for call in waiting:
            worker = self._placement.take_elsewhere(call.order.avoid)
            if worker is None:
                self._displaced.append(call)
            else:
                self._make(call, worker)

    def _make(self, call: ChunkCall, worker: _Worker) -> None:
        self._held[worker.actor.make.options(num_returns="streaming").remote(call)] = _RunningCall(
            call, worker, self._clock()
        )

    def scale(self, demand: int) -> None:
        """Have as many workers as `demand` chunks could keep busy, within the limits."""
        self._look()
        needs = self._needs
        wanted = max(needs.min_workers, min(needs.max_workers, math.ceil(demand / needs.slots)))
        shunned = self._leaving.keys() | self._record.bad
        self._placement.leave(shunned)
        for worker in [worker for worker in self._workers if worker.node in shunned and self._is_idle(worker)]:
            self._retire(worker)
        staying = [worker for worker in self._workers if worker.node not in shunned]
        for worker in self._dispensable(staying)[: max(0, len(staying) - wanted)]:
            self._retire(worker)
        for _ in range(wanted - len(staying)):
            self._boot()

    def _has_rested(self, worker: _Worker) -> bool:
        return self._clock() - worker.idle_since_s > IDLE_S

    def _dispensable(self, workers: list[_Worker]) -> list[_Worker]:
        """Those that can go without loss: first the ones without a machine, then the ones idle for long enough."""
        pending = [worker for worker in workers if not worker.node]
        idle = [worker for worker in workers if worker.node and self._has_rested(worker) and self._is_idle(worker)]
        return pending + idle

    def _look(self) -> None:
        now = self._clock()
        if now >= self._look_due_s:
            self._look_due_s = now + LOOK_S
            self._leaving = draining_nodes()
        for machine in self._record.bad - self._told_bad:
            why = self._why_bad.get(machine, "what fails there is made elsewhere")
            self._notes.append(f"{name_of_node(machine)} gets no more work: {why}")
        self._told_bad = self._record.bad

    def _is_idle(self, worker: _Worker) -> bool:
        return not worker.is_up or self._placement.is_idle(worker)

    def _boot(self) -> None:
        needs = self._needs
        maker: Any = ray.remote(max_restarts=0, max_task_retries=0)(ChunkMaker)
        options = {"num_gpus": needs.num_gpus, "num_cpus": needs.num_cpus, "max_concurrency": needs.slots}
        actor = maker.options(**options, **self.elsewhere).remote(self._environment)
        worker = _Worker(actor=actor, idle_since_s=self._clock())
        self._workers.append(worker)
        self._booting[worker.actor.node.remote()] = worker

    def _retire(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._placement.gone(worker)
        self._booting = {ref: booting for ref, booting in self._booting.items() if booting is not worker}
        ray.kill(worker.actor)

    # ---- in --------------------------------------------------------------------------------------------------------

    def turn(self) -> Came:
        """Do what is due: what waited for a machine starts, and what cannot be finished in time is taken back."""
        for suspect, worker in self._placement.cleared():
            self._make(suspect, worker)
        self._place()
        came: Came = []
        for worker in [worker for worker in self._workers if is_late(self._leaving.get(worker.node, 0), time.time())]:
            reason = f"taken back: its machine is to go in less than {HAND_BACK_S:g} s"
            came += [_lost(held.call, worker.node, reason, explained=True) for held in self._bury(worker)]
        now = self._clock()
        for worker in {held.worker for held in self._held.values() if self._hangs(held, now)}:
            came += self._give_up_waiting(worker, now)
        for ref in [ref for ref, doubt in self._doubts.items() if now > doubt.until_s]:
            came += self._settle(ref)
        return came

    def _hangs(self, held: _RunningCall, now_s: float) -> bool:
        return now_s - held.since_s > self._patience.limit_s(_work(held.call.task))

    def _give_up_waiting(self, worker: _Worker, now_s: float) -> Came:
        """Kill a worker that hangs; chunks that it held for less long are not to blame."""
        came: Came = []
        for held in self._bury(worker):
            took_s, hung = now_s - held.since_s, self._hangs(held, now_s)
            if hung:
                self._record.failed(worker.node, held.call.task.chunk.chunk_id)
            reason = f"its worker gave no sign for {took_s:.0f} s, and was killed" if hung else "another hung there"
            came.append(_lost(held.call, worker.node, reason, explained=not hung))
        return came

    def take(self, ref: Any) -> Came:
        """What came of one of `refs` that is ready."""
        if ref in self._booting:
            self._booted(ref)
            return []
        if ref in self._doubts:
            return self._settle(ref)
        return self._said(ref) if ref in self._held else []

    def _booted(self, ref: Any) -> None:
        worker = self._booting.pop(ref)
        try:
            answer = ray.get(ref)
        except RayError as error:
            self._retire(worker)
            if isinstance(error, RayTaskError) and isinstance(error.cause, VersionMismatch):
                self._refused(worker.node, error.cause)
            elif not _is_explained(error, worker.node):
                self._failed_to_start(worker.node, error)
            return
        if worker.node:
            worker.is_up, worker.idle_since_s = True, self._clock()
            self._record.started(worker.node)
            self._record.started("")
            self._placement.up(worker, worker.node)
        else:
            worker.node = answer
            self._booting[worker.actor.open.remote()] = worker

    def _refused(self, machine: str, mismatch: VersionMismatch) -> None:
        if not self.is_of_the_machine(mismatch, machine):
            raise _at_machine(mismatch, machine)

    def _failed_to_start(self, machine: str, error: RayError) -> None:
        elsewhere = [worker for worker in self._workers if worker.node not in {"", machine}]
        others_run = bool(machine) and any(worker.is_up for worker in elsewhere)
        is_over = self._record.failed_to_start(machine, others_run=others_run) and all(each.is_up for each in elsewhere)
        if is_over and machine not in self._record.bad:
            raise ClusterError(
                f"{MAX_STARTS} workers in a row failed to start",
                where=machine and name_of_node(machine),
                got=str(error),
                remedy="See the worker's log under /tmp/ray/session_latest/logs on its machine.",
            ) from error

    def _said(self, ref: Any) -> Came:
        held = self._held[ref]
        heard = _heard(ref, held.call)
        if isinstance(heard, RayError):
            return self._died(held.worker, heard)
        return self._take_in(ref, heard)

    def _take_in(self, ref: Any, said: Attempt | Entered) -> Came:
        held = self._held[ref]
        if isinstance(said, Entered):
            held.is_computing = said.phase == "computing"
            return []
        if isinstance(said, Errored):
            said = self.judged(replace(said, machine=held.worker.node))
        del self._held[ref]
        held.worker.idle_since_s = self._clock()
        self._placement.freed(held.worker)
        self._note(held, said)
        return [(held.call, said)]

    def _note(self, held: _RunningCall, outcome: Attempt) -> None:
        """Enter what became of a chunk into its machine's record."""
        machine, task = held.worker.node, held.call.task
        if isinstance(outcome, Succeeded) and isinstance(outcome.result, ChunkDone):
            if not outcome.was_found:
                self._record.made(machine, task.chunk.chunk_id)
                self._patience.made(_work(task), outcome.result.seconds.total)
        elif isinstance(outcome, Errored) and _may_be_the_machines(outcome.error):
            self._record.failed(machine, task.chunk.chunk_id)

    def _died(self, worker: _Worker, error: RayError) -> Came:
        """A worker is dead; what its calls said before is heard first."""
        came: Came = []
        for ref in [ref for ref, held in self._held.items() if held.worker is worker]:
            while ref in self._held and ray.wait([ref], timeout=0)[0]:
                heard = _heard(ref, self._held[ref].call)
                if isinstance(heard, RayError):
                    break
                came += self._take_in(ref, heard)
        return came + self._mourn(worker, self._bury(worker), error)

    def _mourn(self, worker: _Worker, held: list[_RunningCall], error: RayError) -> Came:
        """What becomes of the chunks that a dead worker held; those to blame wait for a sign of life of its machine."""
        reason, machine = _told(error), worker.node
        if _is_explained(error, machine):
            return [_lost(each.call, machine, reason, explained=True) for each in held]
        blamed = to_blame({each: each.is_computing for each in held})
        affinity = NodeAffinitySchedulingStrategy(machine, soft=False)
        self._doubts[_sign_of_life.options(scheduling_strategy=affinity).remote()] = _Doubt(
            calls=tuple(each.call for each in blamed),
            machine=machine,
            reason=reason,
            until_s=self._clock() + SIGN_OF_LIFE_S,
        )
        innocent = f"{reason}; another chunk was being computed there"
        return [_lost(each.call, machine, innocent, explained=True) for each in held if each not in blamed]

    def _settle(self, ref: Any) -> Came:
        """The machine of a dead worker gave a sign of life, or none."""
        doubt = self._doubts.pop(ref)
        went = doubt.machine not in alive_nodes() or doubt.machine in draining_nodes()
        for call in () if went else doubt.calls:
            self._record.failed(doubt.machine, call.task.chunk.chunk_id)
        return [_lost(call, doubt.machine, doubt.reason, explained=went) for call in doubt.calls]

    def _bury(self, worker: _Worker) -> list[_RunningCall]:
        """The worker is no more; what it held."""
        held = {ref: each for ref, each in self._held.items() if each.worker is worker}
        for ref in held:
            del self._held[ref]
        if worker in self._workers:
            self._retire(worker)
        return list(held.values())

    def close(self) -> None:
        """Let go of all workers; what they hold is abandoned."""
        for worker in self._workers:
            ray.kill(worker.actor)
        self._workers.clear()
        self._booting.clear()
        self._held.clear()
        self._displaced.clear()
        self._doubts.clear()


def is_late(goes_ms: int, now_s: float) -> bool:
    """Whether a machine that goes at `goes_ms` of Unix time, 0 if nobody knows, is to give back what it holds."""
    return goes_ms > 0 and now_s * 1000 > goes_ms - HAND_BACK_S * 1000


def _work(task: ChunkTask) -> float:
    """Pixels of all pictures that the chunk reads and makes: what its time goes by."""
    chunk, facts = task.chunk, task.plan.facts
    num_pictures = chunk.end_pair - chunk.first_pair + chunk.end_frame - chunk.first_frame
    return float(num_pictures * facts.width * facts.height)


def _heard(ref: Any, call: ChunkCall) -> Attempt | Entered | RayError:
    """The next that a call says, or the error that says that its worker is dead."""
    try:
        said: Attempt | Entered = ray.get(next(ref))
    except StopIteration:
        return RayError("the call ended without a result")
    except RayTaskError as error:
        fault = ProgramFault(f"{type(error.cause).__name__}: {error.cause}", got=str(error))
        return Errored(head=call.head, error=fault)
    except RayError as error:
        return error
    return said


def _may_be_the_machines(error: SlomoError) -> bool:
    """Whether a machine may be to blame for a chunk's error; damage in the work place does not speak against it."""
    return isinstance(error, ProgramFault) or (error.retryable and not isinstance(error, WorkDamaged))


def _lost(call: ChunkCall, machine: str, cause: str, *, explained: bool) -> tuple[ChunkCall, Lost]:
    return call, Lost(head=call.head, explained=explained, cause=cause, machine=machine)


def _at_machine(error: SlomoError, machine: str) -> SlomoError:
    """The error, saying on which machine it happened where that is its point."""
    if not isinstance(error, DiskFull | VersionMismatch) or not machine:
        return error
    where = f"{error.where} on {name_of_node(machine)}".removeprefix(" on ")
    return type(error)(error.what, where=where, expected=error.expected, got=error.got, remedy=error.remedy)


def _told(error: RayError) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _is_explained(error: RayError, machine: str) -> bool:
    """Whether it is known that the machine went, or is to go: then no chunk is to blame."""
    if isinstance(error, NodeDiedError) or (isinstance(error, RayActorError) and error.preempted):
        return True
    return bool(machine) and (machine not in alive_nodes() or machine in draining_nodes())
