"""StageShares: the share of each stage in the time of the chunks that were committed lately. Pure."""

from collections import Counter, deque
from collections.abc import Mapping

WINDOW_S = 900.0
"""Seconds that count as lately: longer than most chunks take."""
_TOGETHER_S = 15.0
"""Seconds whose chunks are kept as one sum, so that memory is bounded."""


class StageShares:
    """The seconds of the chunks of the last `WINDOW_S`, by stage."""

    def __init__(self) -> None:
        self._sums: deque[tuple[float, Counter[str]]] = deque()
        """Sums, and when each begins."""

    def add(self, seconds: Mapping[str, float], now_s: float) -> None:
        """Count a chunk that is committed now. Times never fall."""
        if not self._sums or now_s - self._sums[-1][0] >= _TOGETHER_S:
            self._sums.append((now_s, Counter()))
        self._sums[-1][1].update(seconds)

    def shares(self, now_s: float) -> dict[str, float]:
        """The share of each stage, 0 to 1, which add up to 1; none if no chunk was committed lately."""
        while self._sums and now_s - self._sums[0][0] > WINDOW_S:
            self._sums.popleft()
        whole: Counter[str] = Counter()
        for _, seconds in self._sums:
            whole.update(seconds)
        total = whole.total()
        return {stage: seconds / total for stage, seconds in whole.items()} if total > 0 else {}
