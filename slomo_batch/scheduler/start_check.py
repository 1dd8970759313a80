"""Whether a worker can ever start on the cluster."""

from math import inf

from slomo_batch.cluster.demand import Resources, described, refusal
from slomo_batch.cluster.nodes import supply
from slomo_batch.errors import ClusterError
from slomo_batch.scheduler.incapable_machines import IncapableMachines


def check_that_a_worker_can_start(worker: Resources, waited_s: float, incapable: IncapableMachines) -> None:
    """Check that some machine has, or may have, room for a worker that has waited for so long, besides the incapable
    ones.

    Raises:
        AbilityMissing: there are only incapable ones.
        ClusterError: there is none.
    """
    machines = supply(without=incapable.names)
    reason = refusal(worker, machines, inf if incapable.names and not machines.has_autoscaler else waited_s)
    if reason and incapable.names:
        raise incapable.error()
    if reason:
        raise ClusterError(
            f"no worker can ever start on this cluster: {reason}",
            expected=described(worker),
            remedy="Compare cluster.gpus_per_worker and cluster.cpus_per_worker with its types of machine "
            "(`slomo-batch cluster check`), and their max_workers.",
        )
