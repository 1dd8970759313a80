"""What follows if a worker does not start: another one is tried, its machine is excluded, or the job ends."""

from collections.abc import Collection

from slomo_batch.cluster.nodes import name_of_node
from slomo_batch.errors import ClusterError, MachineUnfit
from slomo_batch.scheduler.chunk_worker import StartedWorker
from slomo_batch.scheduler.excluded_machines import ExcludedMachines, with_machine
from slomo_batch.scheduler.machine_health import MAX_STARTS, MachineRecord


def start_refused(machine: str, unfit: MachineUnfit, excluded: ExcludedMachines) -> None:
    """Exclude a machine that differs from what the driver requires.

    Raises:
        MachineUnfit: no other machine can work.
    """
    if not excluded.exclude_for(unfit, machine):
        raise with_machine(unfit, machine)


def start_failed(machine: str, reason: str, others: Collection[StartedWorker], record: MachineRecord) -> None:
    """Record that a worker failed to start on a machine, empty if that is unknown. `others` are all other workers.

    Raises:
        ClusterError: too many in a row failed there, and no worker runs or may still start elsewhere.
    """
    elsewhere = [worker for worker in others if worker.node not in {"", machine}]
    others_run = bool(machine) and any(worker.is_up for worker in elsewhere)
    is_over = record.failed_to_start(machine, others_run=others_run) and all(
        worker.is_up or record.starts_fail(worker.node) for worker in elsewhere
    )
    if is_over and machine not in record.bad:
        raise ClusterError(
            f"{MAX_STARTS} workers in a row failed to start",
            where=machine and name_of_node(machine),
            got=reason,
            remedy="See the worker's log under /tmp/ray/session_latest/logs on its machine.",
        )
