"""The first worker of a job: what it can do decides what `auto` means for all of them.

The workers for all videos are asked for at the same time, so that their machines start together with the first one.
"""

from collections.abc import Callable
from typing import Protocol

from slomo_batch.errors import Interrupted
from slomo_batch.scheduler.abilities import Abilities
from slomo_batch.scheduler.engine import Engine
from slomo_batch.scheduler.stop_signals import StopRequests

LOOK_EVERY_S = 1.0
"""Seconds between two checks of whether a worker can still start."""


class StartingEngine(Engine, Protocol):
    """An engine whose workers have to start."""

    @property
    def first_abilities(self) -> Abilities | None:
        """What the worker that started first can do; None before one has."""

    def check_that_a_worker_can_start(self) -> None:
        """Check that some machine may have room for a worker, while none is up.

        Raises:
            ClusterError: none has, nor will.
        """


def abilities_of_first_worker(
    engine: StartingEngine, num_videos: int, *, stop: StopRequests, tell: Callable[[str], None]
) -> Abilities:
    """What the first worker that has started can do. Waits until there is one: a machine for it may have to start.

    `num_videos`: each has one chunk at least. `tell` gets what is being done, for a person.

    Raises:
        ClusterError: no worker can ever start, or several in a row failed to.
        Interrupted: a stop was requested meanwhile.
    """
    shown = ""
    while (found := engine.first_abilities) is None:
        if stop.is_asked:
            raise Interrupted("stopped before a machine was up", remedy="Run it again.")
        engine.scale(1, foreseen=max(0, num_videos - 1))
        if engine.num_machines:
            doing = "finding out what a worker can do"
        else:
            doing = "waiting for a machine with room for a worker"
            engine.check_that_a_worker_can_start()
        if doing != shown:
            tell(doing)
            shown = doing
        engine.outcomes(LOOK_EVERY_S)
    return found
