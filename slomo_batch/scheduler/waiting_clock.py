"""WaitingClock: how long the driver has waited, without the time during which it did not run itself. Pure.

A driver that was frozen, or whose machine was suspended, has not waited for its workers. If that time counted, all of
them would seem to hang.
"""

from collections.abc import Callable

AWAY_S = 60.0
"""Seconds between two looks at the clock after which the driver did not run. Its loop looks several times a second."""


class WaitingClock:
    """A clock that stops while its reader is away."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._last_s = clock()
        self._away_s = 0.0

    def __call__(self) -> float:
        """Seconds of waiting since some moment in the past. They never fall."""
        now_s = self._clock()
        if now_s - self._last_s > AWAY_S:
            self._away_s += now_s - self._last_s
        self._last_s = now_s
        return now_s - self._away_s
