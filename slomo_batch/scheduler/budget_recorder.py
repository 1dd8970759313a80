"""BudgetRecorder: records what a run spends, in the ledger and on the displays."""

from collections.abc import Callable

from slomo_batch.report.events import JobStopping
from slomo_batch.report.ledger import SECONDS_PER_PART, LedgerWriter
from slomo_batch.scheduler.budget_meter import BudgetMeter

BUDGET_REACHED = "The budget is spent. Stopping after the current chunks; finished chunks are kept."


class BudgetRecorder:
    """Writes the machine time of a run to the ledger once a minute, and says once that the budget is reached."""

    def __init__(
        self, meter: BudgetMeter, ledger: LedgerWriter, show: Callable[[JobStopping], object], now_s: float
    ) -> None:
        self.meter, self._ledger, self._show = meter, ledger, show
        self._due_s = now_s + SECONDS_PER_PART
        self._recorded_s = 0.0
        self._has_said = False

    def note(self) -> None:
        """Show that the budget is reached, the first time that it is."""
        if self.meter.is_reached and not self._has_said:
            self._has_said = True
            self._show(JobStopping(text=BUDGET_REACHED))

    def record_if_due(self, now_s: float) -> None:
        """Record the machine time since the last row, if that is a minute old."""
        if now_s >= self._due_s:
            self._due_s = now_s + SECONDS_PER_PART
            self.record()

    def record(self) -> None:
        """Record the machine time since the last row, if there is any."""
        new_s = self.meter.run_s - self._recorded_s
        if new_s > 0:
            self._recorded_s += new_s
            self._ledger.spent(new_s)
