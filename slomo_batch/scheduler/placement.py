"""Placement: decide which worker makes which chunk. It knows workers and machines by name; an engine acts on it.

A chunk that shares its machine goes to the worker that holds the fewest. A worker gets a second chunk only while there
is one more for each other worker: a chunk that waits behind another stays there, even if other workers are idle.

A machine on probation (scheduler.probation) holds one chunk at a time, and none that failed before, as long as there
are other machines.

An isolated chunk runs on a machine where nothing else runs, so that it alone is to blame for the next death there. A
machine is reserved for it: one on which it did not fail, if there is one; of these the least busy. Nothing new starts
on a reserved machine. The isolated chunk starts when the chunks there have ended; all other machines go on. If there is
only one machine, all chunks wait for the isolated one.
"""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Worker = TypeVar("Worker", bound=Hashable)
Chunk = TypeVar("Chunk")


@dataclass(slots=True, kw_only=True)
class _MachineLoad(Generic[Worker]):
    is_leaving: bool
    """Whether the machine is about to be taken away, so that nothing new starts there."""
    is_on_probation: bool
    """Whether its last work failed, so that it holds one chunk at a time."""
    is_reserved: bool = False
    """Whether an isolated chunk waits for this machine, or runs on it."""
    held: dict[Worker, int] = field(default_factory=dict)
    """Number of chunks by worker."""

    @property
    def is_open(self) -> bool:
        return not (self.is_reserved or self.is_leaving)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[Chunk]):
    chunk: Chunk
    avoid: Collection[str]
    """Machines on which it failed."""


class Placement(Generic[Worker, Chunk]):
    """The workers that are up, what they hold, and which machines are reserved for isolated chunks."""

    def __init__(self, *, slots: int) -> None:
        """`slots`: chunks that one worker holds at a time."""
        self._slots = slots
        self._machines: dict[str, _MachineLoad[Worker]] = {}
        self._machine_of: dict[Worker, str] = {}
        self._free: list[dict[Worker, None]] = [{} for _ in range(slots)]
        """Workers that may take a chunk on a shared machine, by how many they hold."""
        self._free_on_probation: dict[str, Worker] = {}
        """A worker of each machine on probation that holds nothing, by machine."""
        self._waiting: dict[str, _Waiting[Chunk]] = {}
        """By the machine that is reserved for it."""
        self._unplaced: list[_Waiting[Chunk]] = []
        self._leaving: Collection[str] = ()
        self._on_probation: Collection[str] = ()
        self._num_open = 0
        """Machines that are shared: neither reserved nor leaving."""

    # ---- what an engine asks -----------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Chunks that could start now on shared machines."""
        room = sum(len(workers) * (self._slots - held) for held, workers in enumerate(self._free))
        return room + len(self._free_on_probation)

    @property
    def isolated_room(self) -> int:
        """Isolated chunks for which a machine could be reserved."""
        return max(0, self._num_open - len(self._unplaced))

    @property
    def num_idle(self) -> int:
        """Workers that hold nothing and may take a chunk."""
        return len(self._free[0]) + len(self._free_on_probation)

    def room_for(self, num_ready: int) -> int:
        """How many of the ready chunks could start now on shared machines, with one left for each other worker."""
        return min(self.room, max(self.num_idle, num_ready - len(self._machine_of) + 1))

    def is_idle(self, worker: Worker) -> bool:
        """Whether the worker holds nothing and is not reserved for an isolated chunk."""
        machine = self._machines[self._machine_of[worker]]
        return machine.held[worker] == 0 and not machine.is_reserved

    def take(self) -> Worker:
        """Assign a chunk to a worker on a shared machine, for which there must be room. Returns the worker."""
        worker = next(self._free_workers())
        self._hold(worker, 1)
        return worker

    def take_idle(self, *, beside: str) -> Worker | None:
        """Assign a chunk that runs on the machine `beside` to an idle worker too; None if no other machine has one."""
        worker = next((worker for worker in self._free[0] if self._machine_of[worker] != beside), None)
        if worker is not None:
            self._hold(worker, 1)
        return worker

    def _is_sound(self, name: str, avoid: Collection[str]) -> bool:
        return name not in avoid and not self._machines[name].is_on_probation

    def _free_workers(self) -> Iterator[Worker]:
        """Workers that may take a chunk, the idle ones first."""
        yield from self._free[0]
        yield from self._free_on_probation.values()
        for workers in self._free[1:]:
            yield from workers

    def take_elsewhere(self, avoid: Collection[str]) -> Worker | None:
        """The same for a chunk that failed on these machines; None while there are other machines but none is free."""
        found = None
        for may_take in (self._is_sound, lambda name, avoid: name not in avoid, lambda *_: True):
            if any(may_take(name, avoid) for name, machine in self._machines.items() if not machine.is_leaving):
                free = self._free_workers()
                found = next((worker for worker in free if may_take(self._machine_of[worker], avoid)), None)
                break
        if found is not None:
            self._hold(found, 1)
        return found

    def reserve(self, chunk: Chunk, *, avoid: Collection[str]) -> None:
        """Reserve a machine for this chunk; `cleared` returns it when it may start."""
        self._unplaced.append(_Waiting(chunk=chunk, avoid=avoid))
        self._reserve_for_unplaced()

    def cleared(self) -> list[tuple[Chunk, Worker]]:
        """Assign the isolated chunks that may start now. Returns each with its worker."""
        starting = []
        for name, waiting in list(self._waiting.items()):
            held = self._machines[name].held
            if not any(held.values()):
                worker = next(iter(held))
                del self._waiting[name]
                self._hold(worker, 1)
                starting.append((waiting.chunk, worker))
        return starting

    # ---- what an engine reports --------------------------------------------------------------------------------------

    def up(self, worker: Worker, machine: str) -> None:
        """Add a worker that is ready."""
        self._machine_of[worker] = machine
        if machine not in self._machines:
            self._machines[machine] = _MachineLoad(
                is_leaving=machine in self._leaving, is_on_probation=machine in self._on_probation
            )
            self._num_open += self._machines[machine].is_open
        self._machines[machine].held[worker] = 0
        self._list_as_free(worker)
        self._reserve_for_unplaced()

    def gone(self, worker: Worker) -> None:
        """Remove a worker and all that it held."""
        name = self._machine_of.get(worker)
        if name is None:
            return
        self._unlist(worker)
        del self._machine_of[worker]
        machine = self._machines[name]
        was_busy = machine.held.pop(worker) > 0
        if machine.is_on_probation:
            self._list_as_free(*machine.held)
        if not machine.held:
            self._num_open -= machine.is_open
            del self._machines[name]
        if not machine.held or (was_busy and name not in self._waiting):
            self._release(name, machine)
        self._reserve_for_unplaced()

    def freed(self, worker: Worker) -> None:
        """Record that a chunk that the worker held has ended."""
        name = self._machine_of.get(worker)
        if name is None:
            return
        self._hold(worker, -1)
        if name not in self._waiting:
            self._release(name, self._machines[name])
        self._reserve_for_unplaced()

    def leave(self, machines: Collection[str]) -> None:
        """Start nothing new on these machines, and only these: they are about to be taken away."""
        changed = set(self._leaving) ^ set(machines)
        self._leaving = machines
        for name in changed & self._machines.keys():
            machine = self._machines[name]
            was_open, machine.is_leaving = machine.is_open, name in machines
            self._num_open += machine.is_open - was_open
            if machine.is_leaving and name in self._waiting:
                self._release(name, machine)
            self._list_as_free(*machine.held)
        self._reserve_for_unplaced()

    def put_on_probation(self, machines: Collection[str]) -> None:
        """Put these machines on probation, and only these."""
        changed = set(self._on_probation) ^ set(machines)
        self._on_probation = machines
        for name in changed & self._machines.keys():
            self._machines[name].is_on_probation = name in machines
            self._list_as_free(*self._machines[name].held)

    # ---- reservations and free workers -------------------------------------------------------------------------------

    def _reserve_for_unplaced(self) -> None:
        """Reserve a machine for each isolated chunk that has none, as long as there are any."""
        while self._unplaced:
            name = self._machine_for(self._unplaced[0].avoid)
            if name is None:
                return
            waiting = self._unplaced.pop(0)
            self._waiting[name] = waiting
            self._machines[name].is_reserved = True
            self._num_open -= 1
            self._list_as_free(*self._machines[name].held)

    def _machine_for(self, avoid: Collection[str]) -> str | None:
        def cost(name: str) -> tuple[bool, bool, int]:
            machine = self._machines[name]
            return name in avoid, machine.is_on_probation, sum(machine.held.values())

        return min((name for name, machine in self._machines.items() if machine.is_open), key=cost, default=None)

    def _release(self, name: str, machine: _MachineLoad[Worker]) -> None:
        """End the reservation of a machine. If its isolated chunk still waits, it waits for another machine."""
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            self._unplaced.append(waiting)
        if machine.is_reserved:
            machine.is_reserved = False
            self._num_open += machine.is_open and name in self._machines
            self._list_as_free(*machine.held)

    def _hold(self, worker: Worker, more: int) -> None:
        machine = self._machines[self._machine_of[worker]]
        machine.held[worker] += more
        self._list_as_free(*(machine.held if machine.is_on_probation else [worker]))

    def _list_as_free(self, *workers: Worker) -> None:
        for worker in workers:
            self._unlist(worker)
            name = self._machine_of[worker]
            machine = self._machines[name]
            if not machine.is_open or machine.held[worker] >= self._slots:
                continue
            if not machine.is_on_probation:
                self._free[machine.held[worker]][worker] = None
            elif not any(machine.held.values()):
                self._free_on_probation[name] = worker

    def _unlist(self, worker: Worker) -> None:
        for workers in self._free:
            workers.pop(worker, None)
        name = self._machine_of[worker]
        if self._free_on_probation.get(name) == worker:
            del self._free_on_probation[name]
