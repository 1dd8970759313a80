"""WorkerProbe: finds out what a worker can do, on the first machine with room for one; and whether there can be one."""

import time
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import ray
from ray.exceptions import NodeDiedError, RayError

from slomo_batch.cluster.demand import Resources, described, refusal
from slomo_batch.cluster.nodes import name_of_node, supply, working_nodes
from slomo_batch.errors import ClusterError, Interrupted
from slomo_batch.scheduler.abilities import Abilities, probe_abilities
from slomo_batch.scheduler.excluded_machines import kept_off
from slomo_batch.scheduler.incapable_machines import IncapableMachines
from slomo_batch.scheduler.stop_signals import StopRequests

LOOK_EVERY_S = 2.0
"""Between two checks of whether a machine can still start, while there is none."""
PROBE_S = 600.0
"""Seconds that the probe may take on a machine."""
MAX_PROBES = 3
"""Machines on which it is tried."""


@ray.remote(max_calls=1, max_retries=0, num_returns="streaming")
def _probe() -> Iterator[str | Abilities]:
    """Say on which node it runs, then what a process there can do."""
    yield ray.get_runtime_context().get_node_id()
    yield probe_abilities()


class WorkerProbe:
    """A task that takes what a worker takes. A machine on which it hangs, or that is lost, is left for another one."""

    def __init__(self, worker: Resources, stop: StopRequests, tell: Callable[[str], None]) -> None:
        """`worker`: what one takes. `tell` gets what is being done, for a person."""
        self._worker, self._stop, self._tell = worker, stop, tell
        self._left: frozenset[str] = frozenset()
        """Machines on which it hung."""

    def result(self) -> Abilities:
        """What a worker can do. Waits until there is room for one: a machine for it may have to start first.

        Raises:
            ClusterError: no worker can ever start, or the probe failed.
            Interrupted: a stop was requested meanwhile.
        """
        reason = ""
        for _ in range(MAX_PROBES):
            self._tell("waiting for a machine with room for a worker")
            found = self._try_once()
            if isinstance(found, Abilities):
                return found
            reason = found
        raise ClusterError(
            f"{MAX_PROBES} machines in a row did not say what a worker can do there",
            got=reason,
            remedy="Check their GPUs and disks, or end them, and run again.",
        )

    def _try_once(self) -> Abilities | str:
        """What a worker can do; or why a machine did not tell."""
        off = self._left if working_nodes() - self._left else frozenset()
        options = {"num_cpus": self._worker["CPU"], "num_gpus": self._worker["GPU"], **kept_off(off)}
        task, machine, began_s = _probe.options(**options).remote(), "", time.monotonic()
        while True:
            if ray.wait([task], timeout=LOOK_EVERY_S)[0]:
                said = _next(task)
                if isinstance(said, Abilities | NodeDiedError):
                    return said if isinstance(said, Abilities) else f"the machine was lost: {said}".splitlines()[0]
                machine, began_s = said, time.monotonic()
                self._tell("finding out what a worker can do")
            if self._stop.is_asked:
                raise Interrupted("stopped before a machine was up", remedy="Run it again.")
            if not machine:
                check_that_a_worker_can_start(self._worker, time.monotonic() - began_s)
            elif time.monotonic() - began_s > PROBE_S:
                ray.cancel(task, force=True)
                self._left |= {machine}
                return f"{name_of_node(machine)} did not respond for {PROBE_S:.0f} s"


def _next(task: Any) -> str | Abilities | NodeDiedError:
    """The next thing that the probe says.

    Raises:
        ClusterError: it failed.
    """
    try:
        said: str | Abilities = ray.get(next(task))
    except NodeDiedError as lost:
        return lost
    except RayError as error:
        raise ClusterError(
            "slomo_batch could not start on the machine chosen for the first worker",
            got=str(error).strip().splitlines()[-1].strip(),
            remedy="Install the same versions on all machines, as cluster.yaml does.",
        ) from error
    return said


def check_that_a_worker_can_start(
    worker: Resources, waited_s: float, incapable: IncapableMachines | None = None
) -> None:
    """Check that some machine has, or may have, room for a worker that has waited for so long, besides the incapable
    ones.

    Raises:
        AbilityMissing: there are only incapable ones.
        ClusterError: there is none.
    """
    without = incapable.names if incapable else frozenset[str]()
    machines = supply(without)
    reason = refusal(worker, machines, inf if without and not machines.has_autoscaler else waited_s)
    if reason and incapable and without:
        raise incapable.error()
    if reason:
        raise ClusterError(
            f"no worker can ever start on this cluster: {reason}",
            expected=described(worker),
            remedy="Compare cluster.gpus_per_worker and cluster.cpus_per_worker with its types of machine "
            "(`slomo-batch cluster check`), and their max_workers.",
        )
