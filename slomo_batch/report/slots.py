"""Slots: which place of a machine an attempt took, so that attempts can be drawn as tracks without overlap."""

from collections import defaultdict
from collections.abc import Hashable


class Slots:
    """The slots of each group, numbered from 0. A slot holds one attempt at a time."""

    def __init__(self) -> None:
        self._taken_until: defaultdict[Hashable, list[float]] = defaultdict(list)

    def take(self, group: Hashable, begin: float, end: float) -> int:
        """Take the first slot of the group that is free at `begin`, until `end`. Call this in the order of `begin`."""
        taken_until = self._taken_until[group]
        slot = next((number for number, until in enumerate(taken_until) if until <= begin), len(taken_until))
        if slot == len(taken_until):
            taken_until.append(end)
        taken_until[slot] = end
        return slot
