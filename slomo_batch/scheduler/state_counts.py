"""StateCounts: how many of the open videos, chunks and steps are in which state. For display only."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.ready_queue import ReadyQueue
from slomo_batch.scheduler.video_state import STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Videos, chunks and steps at one instant."""

    videos_open: int = 0
    """Started and not ended."""
    chunks_waiting: int = 0
    """Their objects do not exist yet, or they wait for their back-off."""
    chunks_ready: int = 0
    """They would run if a worker were free."""
    chunks_running: int = 0
    """Attempts in flight, those of videos given up meanwhile included."""
    steps_running: tuple[tuple[Step, int], ...] = ()
    """How many of each step are in flight, all steps named."""
    steps_waiting_s: tuple[tuple[Step, float], ...] = ()
    """For how many seconds the step of each kind that has waited longest waits for a machine to begin it, all named."""

    def with_waits(self, waiting_s: Mapping[Step, float]) -> "Census":
        """The same, with what the engine says of waiting steps."""
        return replace(self, steps_waiting_s=tuple((step, round(waiting_s.get(step, 0.0), 1)) for step in STEPS))


def census_of(ready_queue: ReadyQueue, *, chunks_running: int, steps_running: Iterable[Step]) -> Census:
    """Count the states of the open videos; the caller knows what runs."""
    running = Counter(steps_running)
    return Census(
        videos_open=len(ready_queue),
        chunks_waiting=ready_queue.num_missing + ready_queue.num_delayed,
        chunks_ready=ready_queue.num_ready - ready_queue.num_delayed,
        chunks_running=chunks_running,
        steps_running=tuple((step, running[step]) for step in STEPS),
    )
