"""ExcludedMachines: machines that get no more chunks, workers or steps, or fewer, and the notes on them."""

from collections.abc import Callable, Collection
from math import inf
from typing import Any

from slomo_batch.attempts import Errored, Lost
from slomo_batch.cluster.labels import NODE_ID, NODE_TYPE
from slomo_batch.cluster.nodes import name_of_node, nodes_for_steps, working_nodes
from slomo_batch.errors import DiskFull, MachineUnfit, SlomoError, StorageBusy, StoreUnusableHere
from slomo_batch.scheduler.incapable_machines import IncapableMachines
from slomo_batch.scheduler.machine_health import MachineRecord
from slomo_batch.scheduler.probation import Probation

LOOK_EVERY_S = 10.0
"""Seconds between two looks at which machines are alive."""
MAX_REFUSALS = 4
"""Rests of a machine from which the store cannot be used, after which it is excluded: 7 s if it fails at once."""
REFUSED_EVERYWHERE = 3
"""Machines from which the store cannot be used, without a success anywhere between, that blame the job."""


class ExcludedMachines:
    """The machines that `record` found bad, those whose errors say that they cannot work, those on probation, and those
    that are incapable."""

    def __init__(self, record: MachineRecord, clock: Callable[[], float]) -> None:
        self._record = record
        self._clock = clock
        self._failures = Probation()
        """Machines on which chunks failed."""
        self._refusals = Probation()
        """Machines from which the store could not be used."""
        self._refused: set[str] = set()
        """Machines from which the store could not be used since the last success anywhere."""
        self._look_due_s = clock() + LOOK_EVERY_S
        self._noted: frozenset[str] = frozenset()
        self.incapable = IncapableMachines(clock)
        """Machines that get no chunks, but steps."""
        self._reasons: dict[str, str] = {}
        """By machine, if there is more to say than that work fails there."""

    @property
    def names(self) -> frozenset[str]:
        """The machines that get no more work."""
        return self._record.bad

    @property
    def closed_to_workers(self) -> frozenset[str]:
        """Machines that get no worker, and no chunk."""
        return self.names | self.incapable.names

    @property
    def on_probation(self) -> frozenset[str]:
        """Machines that get one chunk at a time, because their last work failed."""
        now_s = self._clock()
        return self._failures.machines(now_s) | self._refusals.machines(now_s)

    def resting(self, machines: Collection[str]) -> frozenset[str]:
        """Those of these machines that get no chunk for a while; none if all of them would rest."""
        now_s = self._clock()
        resting = (self._failures.resting(now_s) | self._refusals.resting(now_s)).intersection(machines)
        return frozenset() if resting.issuperset(machines) else resting

    @property
    def closed_to_steps(self) -> frozenset[str]:
        """Machines that get no step now: the excluded ones, and those from which the store could not be used a moment
        ago, as long as there are others."""
        closed = self.names | self._refusals.resting(self._clock())
        return closed if closed == self.names or nodes_for_steps() - closed else self.names

    def forget_gone(self) -> None:
        """Forget the machines that are gone. Called often."""
        if self._clock() >= self._look_due_s:
            self._look_due_s = self._clock() + LOOK_EVERY_S
            alive = working_nodes()
            self._record.keep(alive)
            self._failures.keep(alive)
            self._refusals.keep(alive)
            self.incapable.keep(alive)

    def made(self, machine: str, chunk: str, took_s: float) -> None:
        """Record that a chunk was made there, in so many seconds."""
        self._record.made(machine, chunk, took_s)
        self._failures.succeeded(machine)
        self.reached_store(machine)

    def reached_store(self, machine: str) -> None:
        """Record that a step or a chunk was done there."""
        self._refusals.succeeded(machine)
        self._refused.clear()

    def failed(self, machine: str, chunk: str, took_s: float = inf, *, error: SlomoError | None = None) -> None:
        """Record that a chunk failed there after so many seconds; without an error, that its worker died."""
        self._record.failed(machine, chunk, took_s)
        self._failures.failed(machine, self._clock(), rests=not isinstance(error, StorageBusy))

    def attribute(self, attempt: Errored) -> Errored | Lost:
        """The attempt; as lost for an explained reason if its error is its machine's alone and others can work."""
        if not _is_of_a_machine(attempt.error):
            return attempt
        if self.exclude_for(attempt.error, attempt.machine):
            cause = f"its machine cannot work: {attempt.error}"
            return Lost(head=attempt.head, machine=attempt.machine, cause=cause, explained=True)
        error = with_machine(attempt.error, attempt.machine)
        return Errored(head=attempt.head, error=error, stats=attempt.stats, machine=attempt.machine)

    def exclude_for(self, error: SlomoError, machine: str) -> bool:
        """Exclude the machine, or let it rest, if the error is its own and others can work. Returns whether it is.

        A full disk is a machine's own error, and so are another version than the driver's and a shared folder that it
        does not see. Credentials that the store does not accept are, unless several machines have them.
        """
        if not machine or not _is_of_a_machine(error) or not self._others(machine):
            return False
        match error:
            case DiskFull():
                return self._record.cannot_work(machine)
            case StoreUnusableHere():
                return self._refuse(error, machine)
            case _:
                self._exclude(error, machine)
                return True

    def _others(self, machine: str) -> frozenset[str]:
        """Other machines that can work: on which steps run, if they do on this one."""
        for_steps = nodes_for_steps()
        return (for_steps if machine in for_steps else working_nodes()) - self.names - {machine}

    def _refuse(self, error: StoreUnusableHere, machine: str) -> bool:
        """The store cannot be used from this machine. Returns whether it can be from others, as far as is known."""
        self._refused.add(machine)
        if len(self._refused) >= REFUSED_EVERYWHERE:
            return False
        if self._refusals.failed(machine, self._clock()) >= MAX_REFUSALS:
            self._exclude(error, machine)
        return True

    def _exclude(self, error: SlomoError, machine: str) -> None:
        self._record.exclude(machine)
        self._reasons[machine] = str(error)

    def take_notes(self, *, at_end: bool) -> list[str]:
        """A note for a person on each machine that is excluded since the last call, and on incapable machines."""
        new, self._noted = self.names - self._noted, self.names
        default = "work fails there but not on other machines"
        notes = [f"{name_of_node(name)} gets no more work: {self._reasons.get(name, default)}" for name in new]
        return [*notes, *self.incapable.take_notes(at_end=at_end)]


def kept_off(machines: Collection[str], types: Collection[str] = ()) -> dict[str, Any]:
    """Options of Ray's actors and tasks that keep them off these machines, and off all machines of these types."""
    labels = {NODE_ID: machines, NODE_TYPE: types}
    selector = {label: f"!in({','.join(sorted(values))})" for label, values in labels.items() if values}
    return {"label_selector": selector} if selector else {}


def _is_of_a_machine(error: SlomoError) -> bool:
    return isinstance(error, DiskFull | MachineUnfit | StoreUnusableHere)


def with_machine(error: SlomoError, machine: str) -> SlomoError:
    """The same error, which names the machine too if it is known."""
    if not machine:
        return error
    where = f"{error.where} on {name_of_node(machine)}".removeprefix(" on ")
    return type(error)(error.what, where=where, expected=error.expected, got=error.got, remedy=error.remedy)
