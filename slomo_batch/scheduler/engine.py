"""Engine: carries calls out. The driver decides what runs and when; an engine only decides where."""

from collections.abc import Mapping
from typing import Protocol

from slomo_batch.plan.needs import Needs
from slomo_batch.scheduler.calls import Call, Outcome
from slomo_batch.scheduler.messages import Step


class Engine(Protocol):
    """Carries out calls in parallel, on threads or on Ray, and reports how many more it could take."""

    @property
    def task_room(self) -> int:
        """Calls without a model that could start now."""

    def chunk_room(self, num_ready: int) -> int:
        """How many of the chunk calls that are ready could start now on shared machines."""

    @property
    def isolated_room(self) -> int:
        """Chunk calls for which a machine could be reserved now."""

    @property
    def num_workers(self) -> int:
        """Workers that are up, for the display."""

    @property
    def num_pending(self) -> int:
        """Workers that are starting or wait for a machine, for the display."""

    @property
    def num_machines(self) -> int:
        """Machines that this job uses now: one of its workers has been placed there, or a call runs there."""

    @property
    def num_slots(self) -> int:
        """Chunks that these workers could hold at a time, for the display."""

    @property
    def waiting_s(self) -> Mapping[Step, float]:
        """For how many seconds the step of each kind that has waited longest waits for a machine to begin it, for the
        display."""

    def start(self, call: Call) -> None:
        """Begin a call, for which there must be room. One that needs a machine to itself waits until it is idle."""

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """The outcomes that came in. Waits up to `timeout_s` for the first."""

    def scale(self, demand: int, foreseen: int = 0) -> None:
        """Start and stop workers: as many as `demand` chunks could keep busy, within the limits of the manifest. More
        may start for `foreseen` chunks, so that their machines are up by the time that these can run."""

    def require(self, needs: Needs) -> None:
        """Set what workers must be able to do. Those that lack it get no further chunk.

        Raises:
            AbilityMissing: none can, nor will.
        """

    def take_notes(self, *, at_end: bool) -> list[str]:
        """What a person should know about the machines, since the last call. At the end, also what could yet change."""

    def close(self) -> None:
        """Release everything and abandon the calls that still run."""
