"""RoomWatch: what Ray was given and has not begun, although a machine had room for it all the time. Pure.

Ray begins a task or an actor as soon as a machine has room. One that waits in its queue, or for a machine that boots,
has no room. One whose process hangs while it starts has reported nothing either, but others leave room beside it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from slomo_batch.cluster.demand import Resources

BEGIN_S = 600.0
"""Seconds within which a process begins if a machine has room for it."""
LOOK_EVERY_S = 15.0
"""Seconds between two looks."""
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbegun:
    """Something that Ray was given and that has not reported that it runs."""

    needs: Resources
    kept_off: frozenset[str] = frozenset()
    """Machines on which it must not run."""

    def fits(self, free: Mapping[str, Resources]) -> bool:
        """Whether one of these machines has room for it."""
        rooms = (room for machine, room in free.items() if machine not in self.kept_off)
        return any(all(room.get(name, 0.0) >= amount for name, amount in self.needs.items()) for room in rooms)


class RoomWatch:
    """For how long each of them has had room."""

    def __init__(self) -> None:
        self._since_s: dict[Hashable, float] = {}

    def overdue(self, unbegun: Mapping[Key, Unbegun], free: Mapping[str, Resources], now_s: float) -> list[Key]:
        """Those that found room at every look for `BEGIN_S` seconds.

        `free`: what is free now on each machine that takes new work.
        """
        roomy = [key for key, each in unbegun.items() if each.fits(free)]
        self._since_s = {key: self._since_s.get(key, now_s) for key in roomy}
        return [key for key in roomy if now_s - self._since_s[key] > BEGIN_S]
