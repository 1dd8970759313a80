"""MachineRoom: how many workers each machine of a cluster may hold, so that steps find free CPUs at any time.

Of each machine one CPU in eight, and one at least, is kept for steps (open, survey, split, audio, stitch). A machine
that is too small for that and a worker holds one worker, as long as steps have CPUs on other machines. If there are
only such machines, one in eight of them, and one of several, holds no worker. Of a machine on which no step runs, none
is kept.

Ray knows no such limit. The pool keeps new workers off the machines that are full, and ends a surplus one that Ray has
placed on a machine which has just joined.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import ceil, floor

from slomo_batch.cluster.demand import Resources
from slomo_batch.cluster.nodes import machine_resources, nodes_for_steps

CPUS_PER_STEP = 8
"""CPUs of a machine of which one is kept for steps."""
LOOK_EVERY_S = 5.0
"""Seconds between two looks at the machines."""

Held = Mapping[str, int]
"""Workers by machine; a machine without workers may be missing."""


def kept_for_steps(num_cpus: float) -> int:
    """How many CPUs of a machine no worker gets."""
    return max(1, ceil(num_cpus / CPUS_PER_STEP))


def most_workers(
    machines: Mapping[str, Resources], worker: Resources, held: Held, *, for_steps: Collection[str]
) -> dict[str, int]:
    """How many workers each machine may hold. A worker takes the resources of `worker`, at least one of them; steps run
    on the machines in `for_steps`."""
    most, small = {}, []
    steps_have_cpus = False
    for name, machine in machines.items():
        cpus = machine.get("CPU", 0)
        kept = kept_for_steps(cpus) if name in for_steps else 0
        most[name] = _fitting(worker, {**machine, "CPU": max(0.0, cpus - kept)})
        is_small = most[name] == 0 and _fitting(worker, machine) > 0
        small += [name] if is_small else []
        steps_have_cpus |= name in for_steps and cpus >= 1 and not is_small
    small.sort(key=lambda name: (not held.get(name, 0), name))
    num_without = 0 if steps_have_cpus or len(small) == 1 else ceil(len(small) / CPUS_PER_STEP)
    return most | dict.fromkeys(small[: len(small) - num_without], 1)


def gpu_notes(machines: Mapping[str, Resources], worker: Resources) -> list[str]:
    """What a person should know about GPUs that stay idle on these machines, on which steps run."""
    notes, gpus, cpus = [], worker.get("GPU", 0), worker.get("CPU", 0)
    if gpus > 1:
        notes.append(f"each worker takes {gpus:g} GPUs and computes on one of them; set cluster.gpus_per_worker to 1")
    for most, has in {(_alone(has, worker), _amounts(has)) for has in machines.values()}:
        if gpus and most < _fitting(worker, dict(has)):
            notes.append(
                f"a machine with {' and '.join(f'{amount:g} {name}s' for name, amount in has)} holds no more than "
                f"{most} workers of {cpus:g} CPUs, since some CPUs are kept for steps; lower cluster.cpus_per_worker"
            )
    return notes


def _alone(machine: Resources, worker: Resources) -> int:
    """How many workers a machine on which steps run may hold if there are others."""
    return most_workers({"": machine}, worker, {}, for_steps={""})[""]


def _amounts(machine: Resources) -> tuple[tuple[str, float], ...]:
    return tuple((name, machine.get(name, 0)) for name in ("GPU", "CPU"))


def _fitting(worker: Resources, machine: Resources) -> int:
    """How many workers fit on an empty machine."""
    return min(floor(machine.get(name, 0) / amount) for name, amount in worker.items() if amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Room for further workers."""

    room: int = 0
    """How many more the machines may hold."""
    open: frozenset[str] = frozenset()
    """The machines that may hold more."""
    full: frozenset[str] = frozenset()
    """Machines that may hold no more, although Ray could place one there."""
    limited: frozenset[str] = frozenset()
    """Machines that Ray could fill with more workers than they may hold."""


class MachineRoom:
    """The machines of the cluster, looked at every few seconds."""

    def __init__(self, worker: Resources, clock: Callable[[], float]) -> None:
        """`worker`: what one takes; nothing if workers are not limited, because steps have CPUs of their own."""
        self._worker = {name: amount for name, amount in worker.items() if amount}
        self._clock = clock
        self._machines: Mapping[str, Resources] = {}
        self._for_steps: frozenset[str] = frozenset()
        self._look_due_s = 0.0

    def may_take(self, machine: str, held: Held) -> bool:
        """Whether a machine on which a worker has just started may hold it besides those in `held`."""
        if not self._worker:
            return True
        if machine not in self._machines:
            self._look()
        most = most_workers(self._machines, self._worker, held, for_steps=self._for_steps)
        return machine not in most or held.get(machine, 0) < most[machine]

    def openings(self, held: Held, avoided: Collection[str]) -> Openings:
        """The room besides the workers in `held`, on other machines than the avoided ones."""
        if not self._worker:
            return Openings()
        if self._clock() >= self._look_due_s:
            self._look()
        most = most_workers(self._machines, self._worker, held, for_steps=self._for_steps)
        room = {name: number - held.get(name, 0) for name, number in most.items() if name not in avoided}
        room = {name: number for name, number in room.items() if number > 0}
        limited = frozenset(name for name in most if _fitting(self._worker, self._machines[name]) > most[name])
        return Openings(room=sum(room.values()), open=frozenset(room), full=limited - room.keys(), limited=limited)

    def _look(self) -> None:
        self._look_due_s = self._clock() + LOOK_EVERY_S
        self._machines, self._for_steps = machine_resources(), nodes_for_steps()
