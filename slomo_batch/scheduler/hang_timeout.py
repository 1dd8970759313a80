"""HangTimeout: how long an attempt may take before its process counts as hanging. Pure, and without a clock.

A process may wait forever, for a device that stopped or for a network disk, or because it is frozen; without a limit
the job would never end. The limit follows from the attempts that succeeded so far: many times as long as the slowest of
them took for work of that size, since machines differ. Before the first one there is no limit on how long an attempt
takes; but a process that reports nothing at all for long enough hangs.
"""

from math import inf

FACTOR = 20
"""How many times as long as the slowest attempt so far, at work of the same size, another may take."""
UNKNOWN_LEAST_S = 3600.0
"""Seconds before which silence means nothing, while no attempt has succeeded."""


class HangTimeout:
    """The limit, learned from how long attempts take."""

    def __init__(self, *, least_s: float) -> None:
        """No attempt counts as hanging before `least_s` seconds."""
        self._least_s = least_s
        self._slowest_s = 0.0
        """Seconds per unit of work."""

    def made(self, work: float, took_s: float) -> None:
        """Record how long an attempt at this much work took. The unit is the same for all attempts."""
        self._slowest_s = max(self._slowest_s, took_s / work)

    @property
    def is_known(self) -> bool:
        """Whether there is a limit."""
        return self._slowest_s > 0

    @property
    def unknown_s(self) -> float:
        """Seconds of silence after which a process hangs as long as there is no limit."""
        return max(self._least_s, UNKNOWN_LEAST_S)

    def limit_s(self, work: float) -> float:
        """Seconds after which an attempt at this much work counts as hanging."""
        return max(self._least_s, FACTOR * self._slowest_s * work) if self.is_known else inf
