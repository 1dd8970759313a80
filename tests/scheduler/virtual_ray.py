"""VirtualRay: as much of Ray as RayEngine and WorkerPool call, in virtual time, on machines that are names.

The engine, the pool, the driver and dispatch that run on it are the real ones. What a call comes to, where, and after
how many seconds is for the test to say: its `Scenario`.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayError

from slomo_batch.attempts import ChunkTask, Errored, Succeeded
from slomo_batch.cluster.demand import Resources, Supply
from slomo_batch.cluster.labels import NODE_ID, NODE_TYPE, WHERE_STEPS_RUN, Node
from slomo_batch.cluster.scratch import SCRATCH, ScratchOffer, scratch_offer
from slomo_batch.scheduler import (
    chunk_worker,
    excluded_machines,
    failed_starts,
    machine_room,
    ray_engine,
    scratch_disk,
    start_check,
    step_placement,
    step_pool,
    worker_deaths,
    worker_fleet,
    worker_pool,
)
from slomo_batch.scheduler.abilities import Abilities
from slomo_batch.scheduler.calls import (
    ChunkCall,
    ChunkStored,
    Entered,
    OpenCall,
    Outcome,
    SplitCall,
    StitchCall,
    TaskCall,
)
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.messages import MakeChunk
from slomo_batch.scheduler.parcel import Parcel
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.scheduler.step_task import Began
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment
from tests.attempts import step_head
from tests.scale import products

Said = list[tuple[float, Outcome | Entered]]
"""Messages of a call, each with the seconds from its start."""
PLACES = JobEnvironment(work_uri=Uri("memory"), job="job")


def made(machine: str, call: ChunkCall, *, seconds: float = 10.0) -> tuple[float, Outcome]:
    """The chunk, made."""
    return seconds, Succeeded(head=call.head, result=products.chunk_done(call.task, machine), stats=products.STINT)


def finished(machine: str, call: TaskCall, *, num_chunks: int = 8, seconds: float = 1.0) -> Said:
    """The step, done; a video has so many chunks."""
    del machine
    match call:
        case OpenCall():
            done = Succeeded(
                head=call.head, result=products.opened(call, num_chunks, audio=False), stats=products.STINT
            )
        case SplitCall():
            stored: Said = [(seconds, ChunkStored(index=index)) for index in sorted(call.wanted)]
            return [*stored, (seconds, Succeeded(head=call.head, result=None, stats=products.STINT))]
        case StitchCall():
            done = Succeeded(head=call.head, result=products.published(call.stored), stats=products.STINT)
        case _:
            raise AssertionError(f"videos without audio have no {call}")
    return [(seconds, done)]


def succeeds(machine: str) -> RayError | None:
    """A worker starts."""
    del machine
    return None


def able(machine: str) -> Abilities:
    """What all machines can do by default."""
    del machine
    return Abilities(precision="fp32")


HANGS = RayError("never raised")
"""Of a worker that neither starts nor fails."""


@dataclass(kw_only=True)
class Scenario:
    """The outcomes of calls: functions of the machine and the call. By default everything succeeds."""

    chunk: Callable[[str, ChunkCall], tuple[float, Outcome]] = made
    task: Callable[[str, TaskCall], Said] = finished
    begins: Callable[[str, TaskCall], bool] = lambda machine, call: True  # noqa: ARG005 one signature
    """Whether a process of a step ever reports that it runs."""
    tells: Callable[[str], bool] = lambda machine: True  # noqa: ARG005 one signature
    """Whether a worker ever reports that it runs on a machine."""
    opens: Callable[[str], object] = succeeds
    """The error with which a worker fails to start on a machine; HANGS if it never starts."""
    able: Callable[[str], Abilities] = able
    """What a worker on a machine can do."""


@dataclass(eq=False)
class _Answer:
    """A reference to one value: of an actor's method, or of a sign of life."""

    ready_s: float
    value: Any = None


@dataclass(eq=False)
class _Stream:
    """A reference to the values of a generator, as they come."""

    parts: deque[tuple[float, Outcome | Entered | Began]]

    @property
    def ready_s(self) -> float:
        return self.parts[0][0] if self.parts else 0.0

    def __next__(self) -> Outcome | Entered | Began:
        if not self.parts:
            raise StopIteration
        return self.parts.popleft()[1]


def silent() -> _Stream:
    """A step that has not begun."""
    return _Stream(deque([(inf, None)]))  # type: ignore[list-item]


class _Method:
    """A remote method or function: options and `remote`."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def options(self, **options: Any) -> "_Method":
        kept = ("label_selector", "resources", "scheduling_strategy")
        known = {name: options[name] for name in kept if name in options}
        return _Method(lambda *args: self._call(*args, **known))

    def remote(self, *args: Any) -> Any:
        return self._call(*args)


class _Actor:
    def __init__(self, ray: "VirtualRay", options: dict[str, Any]) -> None:
        self.machine = ""
        self.avoided = _avoided(options)
        self.avoided_types = _avoided(options, NODE_TYPE)
        self.free_s = 0.0
        self._ray = ray
        self._node = _Answer(ready_s=inf)
        self.streams: list[_Stream] = []
        self.node = _Method(lambda: self._node)
        self.open = _Method(self._open)
        self.make = _Method(self._make)

    def placed(self, machine: str) -> None:
        self.machine = machine
        ready_s = self._ray.now_s if self._ray.scenario.tells(machine) else inf
        self._node.ready_s, self._node.value = ready_s, machine

    def _open(self) -> _Answer:
        error = self._ray.scenario.opens(self.machine)
        value = self._ray.scenario.able(self.machine) if error is None else error
        return _Answer(ready_s=inf if error is HANGS else self._ray.now_s, value=value)

    def _make(self, call: ChunkCall) -> _Stream:
        seconds, outcome = self._ray.scenario.chunk(self.machine, call)
        began_s = max(self._ray.now_s, self.free_s)
        self.free_s = began_s + seconds
        computing = Entered(phase="computing")
        self.streams.append(_Stream(deque([(began_s, computing), (self.free_s, outcome)])))
        return self.streams[-1]


class VirtualRay:
    """A cluster of machines with room for one worker each; its clock advances during waits."""

    def __init__(self, machines: Iterable[str], scenario: Scenario) -> None:
        self.machines = list(machines)
        self.scenario = scenario
        self.now_s = 0.0
        self.num_cpus = 8.0
        self.num_gpus = 1.0
        """GPUs of a worker."""
        self.killed: list[str] = []
        """Machines of workers that were ended from outside."""
        self.scratch_gb: dict[str, float] = {}
        """Disks of the machines that declare them."""
        self.without_steps: frozenset[str] = frozenset()
        """Machines on which no step runs."""
        self.num_tasks = 0
        self.num_cancelled = 0
        """Steps that were ended from outside."""
        self._actors: list[_Actor] = []

    # ---- replacements for modules of the project -------------------------------------------------------------------

    def plug_in(self, patch: pytest.MonkeyPatch) -> None:
        """Make RayEngine and WorkerPool use this cluster."""
        names = SimpleNamespace(
            remote=lambda **_: lambda _: _Method(self._new_actor),
            kill=self._kill,
            get=_get,
            wait=self._wait,
            cancel=self._cancel,
        )
        sleeping = SimpleNamespace(sleep=self.sleep, monotonic=self.clock, time=self.clock)
        for module in (chunk_worker, worker_deaths):
            patch.setattr(module, "ray", names)
        for module in (worker_fleet, worker_pool, ray_engine):
            patch.setattr(module, "ray", names)
            patch.setattr(module, "time", sleeping)
        patch.setattr(step_pool, "ray", names)
        alive = lambda: frozenset(self.machines)  # noqa: E731
        patch.setattr(worker_deaths, "alive_nodes", alive)
        patch.setattr(excluded_machines, "working_nodes", alive)
        for module in (excluded_machines, machine_room, step_pool, scratch_disk):
            patch.setattr(module, "nodes_for_steps", self.nodes_for_steps)
        patch.setattr(scratch_disk, "scratch_disks", self.scratch_disks)
        patch.setattr(start_check, "supply", self.supply)
        for module in (scratch_disk, step_placement):
            patch.setattr(module, "supply_for_steps", self.supply)
        for module in (worker_fleet, worker_deaths):
            patch.setattr(module, "draining_nodes", dict)
        for module in (worker_fleet, failed_starts, step_pool, excluded_machines):
            patch.setattr(module, "name_of_node", str)
        patch.setattr(worker_fleet, "nodes_of_types", self.machines_of_types)
        patch.setattr(machine_room, "machine_resources", self.machine_resources)
        patch.setattr(ray_engine, "machines_for_steps", self.cpus)
        patch.setattr(step_pool, "run_task", _Method(self._run_task))
        for module in (step_pool, worker_fleet):
            patch.setattr(module, "free_resources", self.free_resources)
        patch.setattr(step_placement, "live_nodes", self.live_nodes)

    def live_nodes(self) -> list[Node]:
        """The machines for steps that look for one; no label of theirs is known."""
        return []

    def machines_of_types(self, types: Collection[str]) -> frozenset[str]:
        """The machines of these types."""
        return frozenset(name for name in self.machines if self.scenario.able(name).machine_type in types)

    def machine_resources(self) -> dict[str, Resources]:
        """What each machine has: more CPUs than its one worker takes."""
        return {name: {"CPU": 8.0, "GPU": 1.0} | self.scratch(name) for name in self.machines}

    def nodes_for_steps(self) -> frozenset[str]:
        """The machines on which steps run."""
        return frozenset(self.machines) - self.without_steps

    def cpus(self) -> dict[str, Resources]:
        """The CPUs of each machine that workers and steps share."""
        machines = {name: {"CPU": self.num_cpus / len(self.machines)} for name in self.machines}
        return {name: has for name, has in machines.items() if name not in self.without_steps}

    def scratch_disks(self) -> ScratchOffer:
        """What the machines declare together; nothing starts other machines."""
        return scratch_offer(self.machine_resources().values(), may_grow=False)

    def supply(self, without: Collection[str] = ()) -> Supply:
        """The machines, without some of them and without an autoscaler."""
        machines = (has for name, has in self.machine_resources().items() if name not in without)
        return Supply(machines=tuple(machines), has_autoscaler=False)

    def scratch(self, machine: str) -> dict[str, float]:
        """What a machine declares of its disk."""
        return {SCRATCH: self.scratch_gb[machine]} if machine in self.scratch_gb else {}

    def engine(
        self, *, max_workers: int, num_tasks: int | None = None, hang_s: float = 3600.0, slots: int = 2
    ) -> RayEngine:
        """A real engine on this cluster, whose workers take a GPU."""
        needs = WorkerNeeds(
            min_workers=0,
            max_workers=max_workers,
            num_gpus=self.num_gpus,
            num_cpus=1,
            slots=slots,
            cores=2,
            hang_s=hang_s,
        )
        return RayEngine(PLACES, needs, num_tasks=num_tasks, clock=self.clock)

    def clock(self) -> float:
        """Seconds since the beginning."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.now_s += seconds

    def free_resources(self, *, for_steps: bool = False) -> dict[str, Resources]:
        """What is free on each machine: CPUs for steps are not limited here."""
        held = {actor.machine for actor in self._actors}
        machines = self.nodes_for_steps() if for_steps else self.machines
        has = self.machine_resources()
        return {name: {**has[name], "GPU": float(name not in held)} for name in machines}

    def _run_task(self, parcel: Parcel[tuple[JobEnvironment, TaskCall]], **options: Any) -> _Stream:
        avoided, (_, call) = _avoided(options) | self._closed(options), parcel.open()
        assert "resources" not in options, "of machines with disks, see VirtualCpus"
        machines = [machine for machine in self.machines if machine not in avoided]
        machine = machines[self.num_tasks % len(machines)]
        self.num_tasks += 1
        if not self.scenario.begins(machine, call):
            return silent()
        parts = [(self.now_s + after_s, said) for after_s, said in self.scenario.task(machine, call)]
        return _Stream(deque(_reported_by(parts, machine, self.now_s)))

    def _closed(self, options: dict[str, Any]) -> frozenset[str]:
        """Machines off which the label of steps keeps a task."""
        selects = WHERE_STEPS_RUN.items() <= options.get("label_selector", {}).items()
        return self.without_steps if selects else frozenset()

    def _new_actor(self, _: Parcel[tuple[JobEnvironment, WorkerNeeds]], **options: Any) -> _Actor:
        actor = _Actor(self, options)
        self._actors.append(actor)
        self._place()
        return actor

    def _place(self) -> None:
        free = [machine for machine in self.machines if all(actor.machine != machine for actor in self._actors)]
        for actor in self._actors:
            fitting = [machine for machine in free if not self._is_avoided(machine, actor)]
            if not actor.machine and fitting:
                actor.placed(fitting[0])
                free.remove(fitting[0])

    def _is_avoided(self, machine: str, actor: _Actor) -> bool:
        return machine in actor.avoided or self.scenario.able(machine).machine_type in actor.avoided_types

    def _kill(self, actor: _Actor) -> None:
        self._actors.remove(actor)
        self.killed.append(actor.machine)
        self._place()

    def _cancel(self, task: _Stream, *, force: bool) -> None:
        """End a step."""
        del force
        task.parts.clear()
        self.num_cancelled += 1

    def _wait(
        self, refs: Sequence[Any], *, timeout: float, num_returns: int = 1, fetch_local: bool = False
    ) -> tuple[list[Any], list[Any]]:
        del fetch_local
        enough_s = sorted(ref.ready_s for ref in refs)[num_returns - 1]
        self.now_s = max(self.now_s, min(enough_s, self.now_s + timeout))
        ready = [ref for ref in refs if ref.ready_s <= self.now_s][:num_returns]
        chosen = set(map(id, ready))
        return ready, [ref for ref in refs if id(ref) not in chosen]


def _avoided(options: dict[str, Any], label: str = NODE_ID) -> frozenset[str]:
    selector = options.get("label_selector", {}).get(label, "!in()")
    return frozenset(selector.removeprefix("!in(").removesuffix(")").split(",")) - {""}


def _reported_by(parts: Said, machine: str, now_s: float) -> list[tuple[float, Outcome | Entered | Began]]:
    """What a step reports on its machine: that it begins there, then its parts."""
    reported = [(at_s, replace(said, machine=machine) if isinstance(said, Errored) else said) for at_s, said in parts]
    return [(now_s, Began(machine=machine)), *reported]


def _get(what: Any) -> Any:
    value = what.value if isinstance(what, _Answer) else what
    if isinstance(value, RayError):
        raise value
    return value


def open_call() -> OpenCall:
    """The call that opens a video."""
    return OpenCall(head=step_head("open"), request=products.pending_video(0).request, pin=products.PIN, remake=False)


def chunk_calls(number: int) -> Iterator[ChunkCall]:
    """Calls for so many chunks of one video."""
    stored = products.opened(open_call(), number, audio=False).stored
    for chunk in stored.chunks:
        task = ChunkTask.of(stored.plan, chunk, lane="copy", attempt=f"attempt {chunk.index}")
        order = MakeChunk(video=0, lane="copy", chunk=chunk.index, attempt_number=1, isolated=False)
        yield ChunkCall(order=order, task=task)
