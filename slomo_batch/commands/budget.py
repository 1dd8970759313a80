"""The budget of a job, and what the job has spent so far."""

from slomo_batch.commands.ledger_parts import ledger_of
from slomo_batch.errors import ManifestError
from slomo_batch.report.spent_hours import spent_hours
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.settings import Budget
from slomo_batch.steps.context import StepContext


def budget_meter(budget: Budget, context: StepContext) -> BudgetMeter:
    """A meter that begins with what all runs of the job have spent. The ledger is read only if there is a budget.

    Raises:
        StoreUnusable: the ledger is damaged, so that it is not known what is spent.
    """
    if budget.limit_hours is None:
        return BudgetMeter()
    try:
        earlier_hours = spent_hours(ledger_of(context))
    except ManifestError:  # nothing is recorded yet
        earlier_hours = 0.0
    return BudgetMeter(
        limit_hours=float(budget.limit_hours),
        price_per_hour=None if budget.price_per_hour == "none" else float(budget.price_per_hour),
        earlier_hours=earlier_hours,
    )
