"""ExcludedMachines: machines that get no more chunks, steps or workers, and the notes on them."""

from collections.abc import Collection
from typing import Any

from slomo_batch.attempts import Errored, Lost
from slomo_batch.cluster.nodes import name_of_node, working_nodes
from slomo_batch.errors import DiskFull, SlomoError, VersionMismatch
from slomo_batch.scheduler.machine_health import MachineRecord


class ExcludedMachines:
    """The machines that `record` found bad, and those whose errors say that they cannot work."""

    def __init__(self, record: MachineRecord) -> None:
        self._record = record
        self._noted: frozenset[str] = frozenset()
        self._reasons: dict[str, str] = {}
        """By machine, if there is more to say than that work fails there."""

    @property
    def names(self) -> frozenset[str]:
        """The machines."""
        return self._record.bad

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

        A full disk is a machine's own error, and so is a version of the code that is not the driver's.
        """
        if not machine or not _is_of_a_machine(error) or not working_nodes() - self.names - {machine}:
            return False
        if isinstance(error, DiskFull):
            return self._record.cannot_work(machine)
        self._record.runs_other_code(machine)
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
    return isinstance(error, DiskFull | VersionMismatch)


def with_machine(error: SlomoError, machine: str) -> SlomoError:
    """The same error, which names the machine too if it is known."""
    if not machine:
        return error
    where = f"{error.where} on {name_of_node(machine)}".removeprefix(" on ")
    return type(error)(error.what, where=where, expected=error.expected, got=error.got, remedy=error.remedy)
