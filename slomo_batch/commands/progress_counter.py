"""ProgressCounter: shows twice a second at most how many pieces of an activity are done."""

import time
from collections.abc import Callable

from slomo_batch.report.events import ActivityAdvanced

SHOW_S = 0.5
"""Seconds between two events."""
SETTLING_S = 2.0
"""Seconds before which there is no rate."""


class ProgressCounter:
    """Shows how far an activity is, and how fast; `begin` shows it at once, otherwise after half a second."""

    def __init__(
        self, text: str, show: Callable[[ActivityAdvanced], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`text` says what is done, such as "reading headers"."""
        self._text, self._show, self._clock = text, show, clock
        self._began_s = clock()
        self._due_s = self._began_s + SHOW_S

    def begin(self, num_total: int = 0) -> None:
        """Show that it begins; `num_total` is 0 if the number is not known yet."""
        self._show(ActivityAdvanced(text=self._text, num_done=0, num_total=num_total))

    def advanced(self, num_done: int, num_total: int) -> None:
        """So many are done; may be called for each."""
        now_s = self._clock()
        if now_s < self._due_s:
            return
        self._due_s = now_s + SHOW_S
        took_s = now_s - self._began_s
        rate = num_done / took_s if took_s >= SETTLING_S else 0.0
        self._show(
            ActivityAdvanced(
                text=self._text,
                num_done=num_done,
                num_total=num_total,
                per_s=round(rate, 3),
                eta_s=round((num_total - num_done) / rate, 1) if rate else None,
            )
        )
