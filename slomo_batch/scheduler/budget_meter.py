"""BudgetMeter: how much machine time a job has spent, and whether its budget is reached. Pure: callers pass the time.

The driver charges it at every turn, before anything new starts. docs/decisions/0021 says what counts.
"""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class BudgetMeter:
    """The machine time of a job: of earlier runs, and of this one as it passes."""

    limit_hours: float | None = None
    """None: the job has no budget."""
    price_per_hour: float | None = None
    """Of a machine, if the budget is one of money."""
    earlier_hours: float = 0.0
    """Spent by earlier runs."""
    run_s: float = 0.0
    """Machine time of this run, in seconds."""
    _num_machines: int = 0
    _since_s: float | None = None

    def charge(self, num_machines: int, now_s: float) -> None:
        """From now on, so many machines are in use. The time since the last call is charged with the number of then."""
        if self._since_s is not None:
            self.run_s += self._num_machines * max(0.0, now_s - self._since_s)
        self._num_machines, self._since_s = num_machines, now_s

    @property
    def spent_hours(self) -> float:
        """Machine hours of all runs so far."""
        return self.earlier_hours + self.run_s / 3600

    @property
    def is_reached(self) -> bool:
        """Whether the budget is spent: nothing new may start."""
        return self.limit_hours is not None and self.spent_hours >= self.limit_hours
