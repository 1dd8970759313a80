"""Ranking: numbers in the order of keys that change; the first is told in constant time, a change costs O(log n).

A heap whose entries may be out of date: those are skipped when they come to the top, and swept when they are many.
"""

from heapq import heapify, heappop, heappush

Key = tuple[bool, int]
"""Whether it stands behind all others that do not; then the lower first."""
SWEEP_FROM = 64
"""Entries up to which nothing is swept."""


class Ranking:
    """Numbers, each with a key; of equal keys the lower number goes first."""

    def __init__(self) -> None:
        self._keys: dict[int, Key] = {}
        self._entries: list[tuple[Key, int]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, number: int, key: Key) -> None:
        """Take the number in, or give it another key."""
        if self._keys.get(number) == key:
            return
        self._keys[number] = key
        heappush(self._entries, (key, number))
        if len(self._entries) > SWEEP_FROM + 2 * len(self._keys):
            self._entries = [(key, number) for number, key in self._keys.items()]
            heapify(self._entries)

    def discard(self, number: int) -> None:
        """Forget the number, if it is known."""
        self._keys.pop(number, None)

    def first(self) -> int:
        """The number with the lowest key. Only where there is one."""
        while self._keys.get(self._entries[0][1]) != self._entries[0][0]:
            heappop(self._entries)
        return self._entries[0][1]
