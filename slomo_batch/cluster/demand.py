"""Tell demand that can never be met from demand that waits for a machine. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SURE_AFTER_S = 10.0
"""An autoscaler that reports the demand as infeasible for this long has checked more than once."""
JOINED_WITHIN_S = 900.0
"""How long to wait without a report of an autoscaler: machines may join by hand, or by one that does not report."""

Resources = Mapping[str, float]
"""Amounts by Ray's names: CPU, GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What a cluster offers."""

    machines: tuple[Resources, ...]
    """Resources of each live machine, in use or not."""
    has_autoscaler: bool
    """Whether an autoscaler reports the demand for which it cannot start machines."""
    infeasible: tuple[Resources, ...] = ()
    """That demand: no type of machine is large enough, or the maximum of machines runs already."""


def refusal(needs: Resources, supply: Supply, waited_s: float) -> str:
    """Why no machine will ever have room for `needs`; empty while one may."""
    if any(_fits(needs, machine) for machine in supply.machines):
        return ""
    if supply.has_autoscaler and any(_same(needs, refused) for refused in supply.infeasible):
        return "no type of machine that the autoscaler may start is large enough" if waited_s >= SURE_AFTER_S else ""
    if not supply.has_autoscaler and waited_s >= JOINED_WITHIN_S:
        return "no machine is large enough, and no larger one joined"
    return ""


def described(needs: Resources) -> str:
    """Amounts for a person: 1 CPU, 2 GPU."""
    return ", ".join(f"{amount:g} {name}" for name, amount in needs.items() if amount)


def floor(needs: Resources, *, prewarm: int, max_workers: int) -> list[dict[str, float]]:
    """The room to request from an autoscaler. Never more than the job may use: then it would start nothing."""
    bundle = {name: amount for name, amount in needs.items() if amount}
    return [bundle] * min(prewarm, max_workers)


def _fits(needs: Resources, machine: Resources) -> bool:
    return all(machine.get(name, 0.0) >= amount for name, amount in needs.items())


def _same(needs: Resources, other: Resources) -> bool:
    names: Iterable[str] = {*needs, *other}
    return all(needs.get(name, 0.0) == other.get(name, 0.0) for name in names)
