"""HangTimeout: how long an attempt at a chunk may take before its worker counts as hanging. Pure, and without a clock.

A process that waits for ever (for a device that stopped, a disk of the network, whoever froze it) dies of nothing, and
the end of a job would wait for it. What is normal is learned from the chunks that were made: the slowest of them says
what another of its size may take, many times over, since machines differ. Before the first is made nothing is known,
and nothing hangs.
"""

from math import inf

FACTOR = 20
"""How many times as long as the slowest chunk made so far, of the same size, an attempt may take."""


class HangTimeout:
    """What is known of how long chunks take."""

    def __init__(self, *, least_s: float) -> None:
        """No attempt counts as hanging before `least_s` seconds."""
        self._least_s = least_s
        self._slowest_s = 0.0
        """Seconds per unit of work."""

    def made(self, work: float, took_s: float) -> None:
        """A chunk of so much work was made; any unit will do, the same for all of a job."""
        self._slowest_s = max(self._slowest_s, took_s / work)

    def limit_s(self, work: float) -> float:
        """Seconds after which an attempt at so much work hangs."""
        return max(self._least_s, FACTOR * self._slowest_s * work) if self._slowest_s else inf
