"""Placement: which worker makes which chunk. It knows workers and machines by name; an engine does what it says.

A chunk in company goes to a worker that holds the fewest. It is put behind another only while there is one more for
each other worker: what waits behind another stays there, however slow that worker is and however idle the others.

A suspect has a machine to itself, so that the next death there is surely its own: one on which it did not die, where
there is one; else the quietest. Nothing new starts on a machine that is kept for a suspect; the suspect starts when
what ran there has ended, and all other machines go on. Where there is one machine only, everything waits for the
suspect.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Worker = TypeVar("Worker", bound=Hashable)
Suspect = TypeVar("Suspect")


@dataclass(slots=True, kw_only=True)
class _MachineLoad(Generic[Worker]):
    is_left: bool
    """True where nothing new is to start: the machine is about to be taken away."""
    is_kept: bool = False
    """True where a suspect waits for this machine, or runs on it."""
    held: dict[Worker, int] = field(default_factory=dict)
    """Chunks that each of its workers holds."""

    @property
    def is_open(self) -> bool:
        return not (self.is_kept or self.is_left)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[Suspect]):
    suspect: Suspect
    avoid: Collection[str]
    """Machines on which it died."""


class Placement(Generic[Worker, Suspect]):
    """The workers that are up, what they hold, and which machines are kept for suspects."""

    def __init__(self, *, slots: int) -> None:
        """`slots`: chunks that one worker holds at a time."""
        self._slots = slots
        self._machines: dict[str, _MachineLoad[Worker]] = {}
        self._machine_of: dict[Worker, str] = {}
        self._free: list[dict[Worker, None]] = [{} for _ in range(slots)]
        """Workers that may take a chunk in company, by how many they hold."""
        self._waiting: dict[str, _Waiting[Suspect]] = {}
        """By the machine that is kept for it."""
        self._homeless: list[_Waiting[Suspect]] = []
        self._left: Collection[str] = ()
        self._num_open = 0
        """Machines that take chunks in company."""

    # ---- what an engine asks ---------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Chunks that could start now in company."""
        return sum(len(workers) * (self._slots - held) for held, workers in enumerate(self._free))

    @property
    def suspect_room(self) -> int:
        """Suspects for which a machine could be kept."""
        return max(0, self._num_open - len(self._homeless))

    def room_for(self, num_ready: int) -> int:
        """How many of the chunks that are ready could start now in company, one left for each other worker."""
        idle, others = len(self._free[0]), len(self._machine_of) - 1
        return min(self.room, max(idle, num_ready - others))

    def is_idle(self, worker: Worker) -> bool:
        """True where the worker holds nothing and is not kept for a suspect either."""
        machine = self._machines[self._machine_of[worker]]
        return machine.held[worker] == 0 and not machine.is_kept

    def take(self) -> Worker:
        """The worker for a chunk in company; it holds one more from here on. Only where there is room."""
        worker = next(worker for workers in self._free for worker in workers)
        self._hold(worker, 1)
        return worker

    def take_elsewhere(self, avoid: Collection[str]) -> Worker | None:
        """The same for a chunk that failed on these machines; None while there are others, but none of them is free."""
        free = [worker for workers in self._free for worker in workers]
        found = next((worker for worker in free if self._machine_of[worker] not in avoid), None)
        if found is None and all(name in avoid or machine.is_left for name, machine in self._machines.items()):
            found = next(iter(free), None)
        if found is not None:
            self._hold(found, 1)
        return found

    def keep(self, suspect: Suspect, *, avoid: Collection[str]) -> None:
        """Have a machine kept for this suspect; `cleared` says when it may start."""
        self._homeless.append(_Waiting(suspect=suspect, avoid=avoid))
        self._settle()

    def cleared(self) -> list[tuple[Suspect, Worker]]:
        """The suspects that may start now, each with its worker, which holds it from here on."""
        starting = []
        for name, waiting in list(self._waiting.items()):
            held = self._machines[name].held
            if not any(held.values()):
                worker = next(iter(held))
                del self._waiting[name]
                self._hold(worker, 1)
                starting.append((waiting.suspect, worker))
        return starting

    # ---- what an engine reports ------------------------------------------------------------------------------------

    def up(self, worker: Worker, machine: str) -> None:
        """A worker is ready."""
        self._machine_of[worker] = machine
        if machine not in self._machines:
            self._machines[machine] = _MachineLoad(is_left=machine in self._left)
            self._num_open += self._machines[machine].is_open
        self._machines[machine].held[worker] = 0
        self._shelve(worker)
        self._settle()

    def gone(self, worker: Worker) -> None:
        """A worker is no more, and nothing that it held is."""
        name = self._machine_of.pop(worker, None)
        if name is None:
            return
        self._unshelve(worker)
        machine = self._machines[name]
        was_busy = machine.held.pop(worker) > 0
        if not machine.held:
            self._num_open -= machine.is_open
            del self._machines[name]
        if not machine.held or (was_busy and name not in self._waiting):
            self._release(name, machine)
        self._settle()

    def freed(self, worker: Worker) -> None:
        """A chunk that the worker held has ended."""
        name = self._machine_of.get(worker)
        if name is None:
            return
        self._hold(worker, -1)
        if name not in self._waiting:
            self._release(name, self._machines[name])
        self._settle()

    def leave(self, machines: Collection[str]) -> None:
        """These machines, and no others, are about to be taken away: nothing new starts there."""
        changed = set(self._left) ^ set(machines)
        self._left = machines
        for name in changed & self._machines.keys():
            machine = self._machines[name]
            was_open, machine.is_left = machine.is_open, name in machines
            self._num_open += machine.is_open - was_open
            if machine.is_left and name in self._waiting:
                self._release(name, machine)
            self._shelve(*machine.held)
        self._settle()

    # ---- bookkeeping -----------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Keep a machine for every suspect that has none, as far as there are any."""
        while self._homeless:
            name = self._machine_for(self._homeless[0].avoid)
            if name is None:
                return
            waiting = self._homeless.pop(0)
            self._waiting[name] = waiting
            self._machines[name].is_kept = True
            self._num_open -= 1
            self._shelve(*self._machines[name].held)

    def _machine_for(self, avoid: Collection[str]) -> str | None:
        def cost(name: str) -> tuple[bool, int]:
            return name in avoid, sum(self._machines[name].held.values())

        return min((name for name, machine in self._machines.items() if machine.is_open), key=cost, default=None)

    def _release(self, name: str, machine: _MachineLoad[Worker]) -> None:
        """The machine is not kept any more once its suspect has ended; one that still waits goes elsewhere."""
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            self._homeless.append(waiting)
        if machine.is_kept:
            machine.is_kept = False
            self._num_open += machine.is_open and name in self._machines
            self._shelve(*machine.held)

    def _hold(self, worker: Worker, more: int) -> None:
        self._unshelve(worker)
        self._machines[self._machine_of[worker]].held[worker] += more
        self._shelve(worker)

    def _shelve(self, *workers: Worker) -> None:
        for worker in workers:
            self._unshelve(worker)
            machine = self._machines[self._machine_of[worker]]
            if machine.is_open and machine.held[worker] < self._slots:
                self._free[machine.held[worker]][worker] = None

    def _unshelve(self, worker: Worker) -> None:
        for workers in self._free:
            workers.pop(worker, None)
