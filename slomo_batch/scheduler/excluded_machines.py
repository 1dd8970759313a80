"""ExcludedMachines: machines that get no more chunks, steps or workers, or fewer, and the notes on them."""

from collections.abc import Callable, Collection
from math import inf
from typing import Any

from slomo_batch.attempts import Errored, Lost
from slomo_batch.cluster.nodes import name_of_node, working_nodes
from slomo_batch.errors import DiskFull, MachineUnfit, SlomoError, StorageBusy
from slomo_batch.scheduler.machine_health import MachineRecord
from slomo_batch.scheduler.probation import Probation

LOOK_EVERY_S = 10.0
"""Seconds between two looks at which machines are alive."""


class ExcludedMachines:
    """The machines that `record` found bad, those whose errors say that they cannot work, and those on probation."""

    def __init__(self, record: MachineRecord, clock: Callable[[], float]) -> None:
        self._record = record
        self._clock = clock
        self._probation = Probation()
        self._look_due_s = clock() + LOOK_EVERY_S
        self._noted: frozenset[str] = frozenset()
        self._reasons: dict[str, str] = {}
        """By machine, if there is more to say than that work fails there."""

    @property
    def names(self) -> frozenset[str]:
        """The machines."""
        return self._record.bad

    @property
    def on_probation(self) -> frozenset[str]:
        """Machines that get one chunk at a time, because their last work failed."""
        return self._probation.machines(self._clock())

    def resting(self, machines: Collection[str]) -> frozenset[str]:
        """Those of these machines that get nothing new for a while; none if all of them would rest."""
        resting = self._probation.resting(self._clock()).intersection(machines)
        return frozenset() if resting.issuperset(machines) else resting

    def forget_gone(self) -> None:
        """Forget the machines that are gone. Called often."""
        if self._clock() >= self._look_due_s:
            self._look_due_s = self._clock() + LOOK_EVERY_S
            alive = working_nodes()
            self._record.keep(alive)
            self._probation.keep(alive)

    def made(self, machine: str, chunk: str, took_s: float) -> None:
        """Record that a chunk was made there, in so many seconds."""
        self._record.made(machine, chunk, took_s)
        self._probation.succeeded(machine)

    def failed(self, machine: str, chunk: str, took_s: float = inf, *, error: SlomoError | None = None) -> None:
        """Record that a chunk failed there after so many seconds; without an error, that its worker died."""
        self._record.failed(machine, chunk, took_s)
        self._probation.failed(machine, self._clock(), rests=not isinstance(error, StorageBusy))

    @property
    def placement_options(self) -> dict[str, Any]:
        """Options of Ray's actors and tasks that keep them off these machines."""
        return kept_off(self.names)

    def attribute(self, attempt: Errored) -> Errored | Lost:
        """The attempt; as lost for an explained reason if its error is its machine's alone and others can work."""
        if self.exclude_for(attempt.error, attempt.machine):
            cause = f"its machine cannot work: {attempt.error}"
            return Lost(head=attempt.head, machine=attempt.machine, cause=cause, explained=True)
        if _is_of_a_machine(attempt.error):
            error = with_machine(attempt.error, attempt.machine)
            return Errored(head=attempt.head, error=error, stats=attempt.stats, machine=attempt.machine)
        return attempt

    def exclude_for(self, error: SlomoError, machine: str) -> bool:
        """Exclude the machine if the error is its own and others can work. Returns whether it is excluded.

        A full disk is a machine's own error, and so are another version than the driver's and a shared folder that it
        does not see.
        """
        if not machine or not _is_of_a_machine(error) or not working_nodes() - self.names - {machine}:
            return False
        if isinstance(error, DiskFull):
            return self._record.cannot_work(machine)
        self._record.unfit(machine)
        self._reasons[machine] = str(error)
        return True

    def take_notes(self) -> list[str]:
        """A note for a person on each machine that is excluded since the last call."""
        new, self._noted = self.names - self._noted, self.names
        default = "work fails there but not on other machines"
        return [f"{name_of_node(name)} gets no more work: {self._reasons.get(name, default)}" for name in new]


def kept_off(machines: Collection[str]) -> dict[str, Any]:
    """Options of Ray's actors and tasks that keep them off these machines."""
    return {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(machines))})"}} if machines else {}


def _is_of_a_machine(error: SlomoError) -> bool:
    return isinstance(error, DiskFull | MachineUnfit)


def with_machine(error: SlomoError, machine: str) -> SlomoError:
    """The same error, which names the machine too if it is known."""
    if not machine:
        return error
    where = f"{error.where} on {name_of_node(machine)}".removeprefix(" on ")
    return type(error)(error.what, where=where, expected=error.expected, got=error.got, remedy=error.remedy)
