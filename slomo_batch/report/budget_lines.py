"""The lines at the end of a run that its budget stopped: what is spent, what is left, and what to do."""

from collections.abc import Iterator
from math import ceil, floor, log10

from slomo_batch.report.events import JobEnded
from slomo_batch.report.units import counted, duration, hours_or_money, spent


def budget_lines(event: JobEnded) -> Iterator[str]:
    """The lines; none if no budget stopped the run."""
    if not event.budget_reached or event.budget_hours is None:
        return
    price = event.price_per_hour
    yield f"budget     {spent(event.spent_hours, event.budget_hours, price)} spent"
    left = counted(event.videos_left, "video")
    if event.hours_left is None:
        yield f"left       {left}; `slomo-batch plan` shows how long they take"
    else:
        cost = "" if price is None else f", {hours_or_money(event.hours_left, price)}"
        yield f"left       {left}, about {duration(3600 * event.hours_left)} of one machine{cost}"
    yield f"           Raise {_raised(event)} and run again: it goes on where it was."


def _raised(event: JobEnded) -> str:
    """The setting to raise, and what is about enough."""
    key, price = ("hours", 1.0) if event.price_per_hour is None else ("money", event.price_per_hour)
    if event.hours_left is None:
        return f"budget.{key}"
    return f"budget.{key} to about {_rounded_up((event.spent_hours + event.hours_left) * price)}"


def _rounded_up(value: float) -> str:
    """The least number of two digits that is not below."""
    unit = 10.0 ** (floor(log10(value)) - 1) if value > 0 else 1.0
    return f"{ceil(value / unit - 1e-9) * unit:.10g}"
