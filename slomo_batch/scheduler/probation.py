"""Probation: machines whose last work failed. Pure: every call brings the time.

A machine that fails at once is free again at once. Without probation it would get most of a job's chunks, and fail
them faster than other machines make them. So it rests after a failure, twice as long after each further one. Then it
gets one chunk at a time (scheduler.placement), until it makes one.
"""

from collections.abc import Collection
from dataclasses import dataclass

from slomo_batch.scheduler.retry import backoff_s

FORGET_S = 600.0
"""Seconds after the last failure after which a machine is as good as any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FailedRun:
    number: int
    """Failures since the last success; those within one rest count once."""
    until_s: float
    """When the rest after the last one ends."""


class Probation:
    """The machines on probation, by name."""

    def __init__(self) -> None:
        self._machines: dict[str, _FailedRun] = {}

    def failed(self, machine: str, now_s: float, *, rests: bool = True) -> int:
        """Record that work failed on the machine. Returns how many times it has, since the last success.

        `rests`: whether it gets nothing for a while.
        """
        before = self._machines.get(machine)
        if before is None or now_s > before.until_s + FORGET_S:
            before = _FailedRun(number=0, until_s=now_s)
        if now_s >= before.until_s:
            number = before.number + 1
            before = _FailedRun(number=number, until_s=now_s + (backoff_s(number, jitter=1.0) if rests else 0.0))
        self._machines[machine] = before
        return before.number

    def succeeded(self, machine: str) -> None:
        """Record that work was done on the machine: its probation is over."""
        self._machines.pop(machine, None)

    def machines(self, now_s: float) -> frozenset[str]:
        """The machines on probation."""
        return frozenset(name for name, failures in self._machines.items() if now_s <= failures.until_s + FORGET_S)

    def resting(self, now_s: float) -> frozenset[str]:
        """Those of them that get nothing now."""
        return frozenset(name for name, failures in self._machines.items() if now_s < failures.until_s)

    def keep(self, machines: Collection[str]) -> None:
        """Forget all machines but these."""
        self._machines = {name: failures for name, failures in self._machines.items() if name in machines}
