"""Deaths of workers: whether a chunk is to blame, or the machine is gone.

Ray reports the death of a process sooner than that of its machine. So when a worker dies, a probe task runs on its
machine first. Only if the machine is alive is the death unexplained, and then only the chunks that were being computed
are to blame.

Of all deaths that are reported in one turn of the driver, the state of the nodes is queried once, after Ray reported
them: when a zone fails, hundreds of workers die at once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import NodeDiedError, RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from slomo_batch.attempts import Lost
from slomo_batch.cluster.nodes import alive_nodes, draining_nodes
from slomo_batch.scheduler.calls import ChunkCall
from slomo_batch.scheduler.chunk_worker import HeldChunk
from slomo_batch.scheduler.machine_health import to_blame

PROBE_S = 60.0
"""Seconds after which a machine that does not run the probe, but that Ray counts as alive, counts as alive."""

HAND_BACK_S = 5.0
"""Seconds before its machine goes at which a chunk is taken back from a worker and started elsewhere."""

LostChunk = tuple[ChunkCall, Lost]


@ray.remote(num_cpus=0, max_retries=0)
def _probe() -> None:
    """Do nothing: that it ran shows that its machine is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Death:
    """Chunks whose worker died, while it is unknown whether their machine did."""

    calls: tuple[ChunkCall, ...]
    machine: str
    reason: str
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """The nodes at one moment."""

    alive: frozenset[str]
    draining: Collection[str]

    def is_going(self, machine: str) -> bool:
        """Whether the machine is gone, or about to go."""
        return machine not in self.alive or machine in self.draining


class WorkerDeaths:
    """The deaths of workers that are not explained yet."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._unexplained: dict[Any, _Death] = {}
        self._nodes: _Nodes | None = None
        """As they were at the first query of this turn."""

    def begin_turn(self) -> None:
        """Query the nodes again when their state is needed. Call it before each wait for Ray's reports."""
        self._nodes = None

    def _is_going(self, machine: str) -> bool:
        if self._nodes is None:
            self._nodes = _Nodes(alive=alive_nodes(), draining=draining_nodes())
        return self._nodes.is_going(machine)

    @property
    def refs(self) -> list[Any]:
        """The probes to wait for; `settle` one when it is ready."""
        return list(self._unexplained)

    def __contains__(self, ref: Any) -> bool:
        return ref in self._unexplained

    def report(self, machine: str, error: RayError, held: Sequence[HeldChunk]) -> list[LostChunk]:
        """Report a dead worker and the chunks that it held. Returns those that are not to blame.

        The others wait until it is known whether their machine is alive.
        """
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        if self.is_explained(error, machine):
            return [lost(each.call, machine, reason, explained=True) for each in held]
        blamed = to_blame({each: each.is_computing for each in held})
        affinity = NodeAffinitySchedulingStrategy(machine, soft=False)
        self._unexplained[_probe.options(scheduling_strategy=affinity).remote()] = _Death(
            calls=tuple(each.call for each in held if each in blamed),
            machine=machine,
            reason=reason,
            until_s=self._clock() + PROBE_S,
        )
        innocent = f"{reason}; another chunk was being computed there"
        return [lost(each.call, machine, innocent, explained=True) for each in held if each not in blamed]

    def overdue(self) -> list[Any]:
        """The probes that did not run in time."""
        now = self._clock()
        return [ref for ref, death in self._unexplained.items() if now > death.until_s]

    def settle(self, ref: Any) -> list[LostChunk]:
        """A probe ran, failed, or is overdue: report the chunks that waited for it."""
        death = self._unexplained.pop(ref)
        is_gone = self._is_going(death.machine)
        return [lost(call, death.machine, death.reason, explained=is_gone) for call in death.calls]

    def is_explained(self, error: RayError, machine: str) -> bool:
        """Whether the machine is known to be gone or to go: then no chunk is to blame."""
        if isinstance(error, NodeDiedError) or (isinstance(error, RayActorError) and error.preempted):
            return True
        return bool(machine) and self._is_going(machine)

    def clear(self) -> None:
        """Forget all deaths: the job has ended."""
        self._unexplained.clear()


def lost(call: ChunkCall, machine: str, cause: str, *, explained: bool) -> LostChunk:
    """A call whose worker is gone."""
    return call, Lost(head=call.head, explained=explained, cause=cause, machine=machine)


def is_late(goes_ms: int, now_s: float) -> bool:
    """Whether a machine that goes at `goes_ms` of Unix time, 0 if that is unknown, must give back what it holds."""
    return goes_ms > 0 and now_s * 1000 > goes_ms - HAND_BACK_S * 1000
