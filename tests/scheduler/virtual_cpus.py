"""VirtualCpus: a VirtualRay whose machines have CPUs, which workers and steps share as Ray shares them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from slomo_batch.cluster.demand import Resources, Supply
from slomo_batch.cluster.labels import Node
from slomo_batch.cluster.scratch import SCRATCH, ScratchOffer, scratch_offer
from slomo_batch.scheduler.calls import TaskCall
from slomo_batch.scheduler.parcel import Parcel
from slomo_batch.wiring import JobEnvironment
from tests.scheduler.virtual_ray import Scenario, VirtualRay, _avoided, _reported_by, _Stream, silent


@dataclass(eq=False, kw_only=True)
class _Step:
    """A step that waits for a CPU, or runs."""

    call: TaskCall
    avoided: frozenset[str]
    gb: float
    """Scratch disk that it asks for."""
    preferred: frozenset[str]
    """Machines on which it runs if one of them is free."""
    stream: _Stream = field(default_factory=silent)
    machine: str = ""
    end_s: float = float("inf")


class VirtualCpus(VirtualRay):
    """A cluster without GPUs: a worker takes one CPU, and so does a step. What waits longest goes first; Ray places
    workers wherever there is a CPU.

    An autoscaler adds a machine `boot_s` after something waits for one, up to `most_machines`. Disks that machines
    declare are kept account of, as Ray does.
    """

    def __init__(self, scenario: Scenario, *, cpus: int, num_machines: int, most_machines: int = 0) -> None:
        super().__init__([f"machine {number}" for number in range(num_machines)], scenario)
        self.num_gpus = 0.0
        self.boot_s = 30.0
        self.boots_scratch_gb = 0.0
        """What machines that start declare of their disk; 0: nothing."""
        self.spot: frozenset[str] = frozenset()
        """Machines that are labeled as spot instances."""
        self.steps_waited_s: list[float] = []
        """How long each step waited for a CPU."""
        self.most_on_a_machine = 0
        """Workers on one machine at a time, those that are ended at once excluded."""
        self._cpus = cpus
        self._most_machines = most_machines
        self._boots_s: list[float] = []
        self._numbers = count(num_machines)
        self._steps: list[tuple[float, _Step]] = []
        """Steps that wait or run, with the time at which they began to wait."""
        self._count_cpus()

    def _count_cpus(self) -> None:
        self.num_cpus = float(self._cpus * len(self.machines))

    def machine_resources(self) -> dict[str, Resources]:
        return {name: {"CPU": float(self._cpus)} | self.scratch(name) for name in self.machines}

    def live_nodes(self) -> list[Node]:
        return [
            Node(
                node_id=name,
                free={"CPU": float(self._free(name))} | self.scratch(name),
                is_spot=name in self.spot,
                has_gpu=False,
            )
            for name in self.machines
        ]

    def scratch_disks(self) -> ScratchOffer:
        return scratch_offer(self.machine_resources().values(), may_grow=self._most_machines > 0)

    def supply(self, without: Collection[str] = ()) -> Supply:
        waiting = [{"CPU": 1.0, SCRATCH: step.gb} for _, step in self._steps if step.gb and not step.machine]
        return Supply(
            machines=tuple(has for name, has in self.machine_resources().items() if name not in without),
            has_autoscaler=self._most_machines > 0,
            infeasible=tuple(each for each in waiting if each[SCRATCH] > self.boots_scratch_gb),
        )

    def _has_disk(self, machine: str, gb: float) -> bool:
        used = sum(step.gb for _, step in self._steps if step.machine == machine)
        return gb == 0 or self.scratch_gb.get(machine, 0.0) - used >= gb

    def _free(self, machine: str) -> int:
        actors = sum(actor.machine == machine for actor in self._actors)
        return self._cpus - actors - sum(step.machine == machine for _, step in self._steps)

    def free_resources(self, *, for_steps: bool = False) -> dict[str, Resources]:
        machines = self.nodes_for_steps() if for_steps else self.machines
        return {name: {"CPU": float(self._free(name))} | self._free_disk(name) for name in machines}

    def _free_disk(self, machine: str) -> dict[str, float]:
        used = sum(step.gb for _, step in self._steps if step.machine == machine)
        return {name: gb - used for name, gb in self.scratch(machine).items()}

    def _run_task(self, parcel: Parcel[tuple[JobEnvironment, TaskCall]], **options: Any) -> _Stream:
        _, call = parcel.open()
        gb = options.get("resources", {}).get(SCRATCH, 0.0)
        step = _Step(call=call, avoided=_avoided(options) | self._closed(options), gb=gb, preferred=_preferred(options))
        self._steps.append((self.now_s, step))
        self._place()
        return step.stream

    def _place(self) -> None:
        for since_s, step in self._steps:
            others = frozenset(self.machines) - step.preferred
            machine = "" if step.machine else self._roomy(step.avoided | others, step.gb)
            machine = machine or ("" if step.machine else self._roomy(step.avoided, step.gb))
            if machine:
                self._begin(step, machine)
                self.steps_waited_s.append(self.now_s - since_s)
        for actor in self._actors:
            machine = self._roomy(actor.avoided) if not actor.machine else ""
            if machine:
                actor.placed(machine)
        self._boot()

    def _roomy(self, avoided: frozenset[str], gb: float = 0.0) -> str:
        fitting = (name for name in self.machines if name not in avoided and self._free(name))
        return next((name for name in fitting if self._has_disk(name, gb)), "")

    def _begin(self, step: _Step, machine: str) -> None:
        step.machine = machine
        if not self.scenario.begins(machine, step.call):
            return
        parts = [(self.now_s + after_s, said) for after_s, said in self.scenario.task(machine, step.call)]
        step.stream.parts.clear()
        step.stream.parts.extend(_reported_by(parts, machine, self.now_s))
        step.end_s = parts[-1][0]

    def _cancel(self, task: _Stream, *, force: bool) -> None:
        super()._cancel(task, force=force)
        self._steps = [(since_s, step) for since_s, step in self._steps if step.stream is not task]
        self._place()

    def _boot(self) -> None:
        waits = any(not step.machine for _, step in self._steps) or any(not actor.machine for actor in self._actors)
        if waits and not self._boots_s and len(self.machines) < self._most_machines:
            self._boots_s.append(self.now_s + self.boot_s)

    def _happen(self) -> None:
        """Do what is due: steps end, and machines join."""
        self._steps = [(since_s, step) for since_s, step in self._steps if step.end_s > self.now_s]
        for boot_s in [boot_s for boot_s in self._boots_s if boot_s <= self.now_s]:
            self._boots_s.remove(boot_s)
            self.machines.append(f"machine {next(self._numbers)}")
            if self.boots_scratch_gb:
                self.scratch_gb[self.machines[-1]] = self.boots_scratch_gb
        self._count_cpus()
        self._place()

    def _wait(
        self, refs: Sequence[Any], *, timeout: float, num_returns: int = 1, fetch_local: bool = False
    ) -> tuple[list[Any], list[Any]]:
        until_s = self.now_s + timeout
        while True:
            ready, rest = super()._wait(refs, timeout=0, num_returns=num_returns, fetch_local=fetch_local)
            if ready or self.now_s >= until_s:
                up = [actor.machine for actor in self._actors if actor.streams]
                self.most_on_a_machine = max([self.most_on_a_machine, *map(up.count, up)])
                return ready, rest
            due_s = [step.end_s for _, step in self._steps] + self._boots_s + [ref.ready_s for ref in refs]
            self.now_s = min([until_s, *due_s])
            self._happen()


def _preferred(options: dict[str, Any]) -> frozenset[str]:
    soft = options["scheduling_strategy"].soft if "scheduling_strategy" in options else ()
    return frozenset(name for expression in soft for name in expression.operator.values)
