"""Ranking: numbers ordered by keys that change. The first costs O(1), a change O(log n).

It is a heap with outdated entries, which are skipped at the top and removed when there are many.
"""

from heapq import heapify, heappop, heappush

Key = tuple[bool, int]
"""False goes before True; then the lower number goes first."""
SWEEP_FROM = 64
"""Below this many entries outdated ones are kept."""


class Ranking:
    """Numbers, each with a key; of equal keys the lower number goes first."""

    def __init__(self) -> None:
        self._keys: dict[int, Key] = {}
        self._entries: list[tuple[Key, int]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, number: int, key: Key) -> None:
        """Add the number, or change its key."""
        if self._keys.get(number) == key:
            return
        self._keys[number] = key
        heappush(self._entries, (key, number))
        if len(self._entries) > SWEEP_FROM + 2 * len(self._keys):
            self._entries = [(key, number) for number, key in self._keys.items()]
            heapify(self._entries)

    def discard(self, number: int) -> None:
        """Remove the number if it is there."""
        self._keys.pop(number, None)

    def first(self) -> int:
        """The number with the lowest key. The ranking must not be empty."""
        while self._keys.get(self._entries[0][1]) != self._entries[0][0]:
            heappop(self._entries)
        return self._entries[0][1]
