"""Engine: what carries calls out. The driver decides what is called and when; an engine only where it runs."""

from typing import Protocol

from slomo_batch.scheduler.calls import Call, Outcome


class Engine(Protocol):
    """Carries out calls at the same time, on threads or on Ray, and says how much more it could take."""

    @property
    def task_room(self) -> int:
        """Calls without a model that could start now."""

    def chunk_room(self, num_ready: int) -> int:
        """How many of the chunk calls in company that are ready could start now."""

    @property
    def suspect_room(self) -> int:
        """Chunk calls for which a machine could be kept now."""

    @property
    def num_workers(self) -> int:
        """Workers that are up, for the display."""

    @property
    def num_slots(self) -> int:
        """Chunks that the workers that are up could hold at a time, for the display."""

    def start(self, call: Call) -> None:
        """Begin a call; only where there is room for it. One that needs a machine to itself waits until it is quiet."""

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        """What came in, waiting for the first no longer than `timeout_s`."""

    def scale(self, demand: int) -> None:
        """Have as many workers as `demand` chunks could keep busy, within the limits of the manifest."""

    def take_notes(self) -> list[str]:
        """What a person should know of the machines, since the last call."""

    def close(self) -> None:
        """Let go of everything; calls still running are abandoned."""
