"""HangTimeout: how long an attempt at a chunk may take before its worker counts as hanging. Pure, and without a clock.

A process may wait forever, for a device that stopped or for a network disk, or because it is frozen; without a limit
the job would never end. The limit follows from the chunks made so far: many times as long as the slowest of them took
for a chunk of that size, since machines differ. Before the first chunk is made there is no limit.
"""

from math import inf

FACTOR = 20
"""How many times as long as the slowest chunk made so far, of the same size, an attempt may take."""


class HangTimeout:
    """The limit, learned from how long chunks take."""

    def __init__(self, *, least_s: float) -> None:
        """No attempt counts as hanging before `least_s` seconds."""
        self._least_s = least_s
        self._slowest_s = 0.0
        """Seconds per unit of work."""

    def made(self, work: float, took_s: float) -> None:
        """Record how long a chunk of this much work took. The unit is the same for all chunks of a job."""
        self._slowest_s = max(self._slowest_s, took_s / work)

    def limit_s(self, work: float) -> float:
        """Seconds after which an attempt at this much work counts as hanging."""
        return max(self._least_s, FACTOR * self._slowest_s * work) if self._slowest_s else inf
