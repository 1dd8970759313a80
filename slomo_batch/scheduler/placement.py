"""Placement: decide which worker makes which chunk. It knows workers and machines by name; an engine acts on it.

A chunk that shares its machine goes to the worker that holds the fewest. A worker gets a second chunk only while there
is one more for each other worker: a chunk that waits behind another stays there, even if other workers are idle.

An isolated chunk runs on a machine where nothing else runs, so that it alone is to blame for the next death there. A
machine is reserved for it: one on which it did not fail, if there is one; of these the least busy. Nothing new starts
on a reserved machine. The isolated chunk starts when the chunks there have ended; all other machines go on. If there is
only one machine, all chunks wait for the isolated one.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Worker = TypeVar("Worker", bound=Hashable)
Chunk = TypeVar("Chunk")


@dataclass(slots=True, kw_only=True)
class _MachineLoad(Generic[Worker]):
    is_leaving: bool
    """Whether the machine is about to be taken away, so that nothing new starts there."""
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
        self._waiting: dict[str, _Waiting[Chunk]] = {}
        """By the machine that is reserved for it."""
        self._unplaced: list[_Waiting[Chunk]] = []
        self._leaving: Collection[str] = ()
        self._num_open = 0
        """Machines that are shared: neither reserved nor leaving."""

    # ---- what an engine asks -----------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Chunks that could start now on shared machines."""
        return sum(len(workers) * (self._slots - held) for held, workers in enumerate(self._free))

    @property
    def isolated_room(self) -> int:
        """Isolated chunks for which a machine could be reserved."""
        return max(0, self._num_open - len(self._unplaced))

    def room_for(self, num_ready: int) -> int:
        """How many of the ready chunks could start now on shared machines, with one left for each other worker."""
        idle, others = len(self._free[0]), len(self._machine_of) - 1
        return min(self.room, max(idle, num_ready - others))

    def is_idle(self, worker: Worker) -> bool:
        """Whether the worker holds nothing and is not reserved for an isolated chunk."""
        machine = self._machines[self._machine_of[worker]]
        return machine.held[worker] == 0 and not machine.is_reserved

    def take(self) -> Worker:
        """Assign a chunk to a worker on a shared machine, for which there must be room. Returns the worker."""
        worker = next(worker for workers in self._free for worker in workers)
        self._hold(worker, 1)
        return worker

    def take_elsewhere(self, avoid: Collection[str]) -> Worker | None:
        """The same for a chunk that failed on these machines; None while there are other machines but none is free."""
        free = [worker for workers in self._free for worker in workers]
        found = next((worker for worker in free if self._machine_of[worker] not in avoid), None)
        if found is None and all(name in avoid or machine.is_leaving for name, machine in self._machines.items()):
            found = next(iter(free), None)
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
            self._machines[machine] = _MachineLoad(is_leaving=machine in self._leaving)
            self._num_open += self._machines[machine].is_open
        self._machines[machine].held[worker] = 0
        self._list_as_free(worker)
        self._reserve_for_unplaced()

    def gone(self, worker: Worker) -> None:
        """Remove a worker and all that it held."""
        name = self._machine_of.pop(worker, None)
        if name is None:
            return
        self._unlist(worker)
        machine = self._machines[name]
        was_busy = machine.held.pop(worker) > 0
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
        def cost(name: str) -> tuple[bool, int]:
            return name in avoid, sum(self._machines[name].held.values())

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
        self._unlist(worker)
        self._machines[self._machine_of[worker]].held[worker] += more
        self._list_as_free(worker)

    def _list_as_free(self, *workers: Worker) -> None:
        for worker in workers:
            self._unlist(worker)
            machine = self._machines[self._machine_of[worker]]
            if machine.is_open and machine.held[worker] < self._slots:
                self._free[machine.held[worker]][worker] = None

    def _unlist(self, worker: Worker) -> None:
        for workers in self._free:
            workers.pop(worker, None)
