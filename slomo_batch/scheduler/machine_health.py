"""MachineRecord: whether the chunk or the machine is to blame when work fails on a cluster. Pure, and without a clock.

When a worker dies, the chunks that it was computing are to blame: fetching and storing kill no process. If it computed
none, the cause is unknown, and all chunks that it held are to blame.

A machine is bad if several different chunks failed there that were made elsewhere, and it makes hardly any itself:
each chunk it makes removes one failure from its record. A failure counts only if another machine made a chunk since
the last failure that counted, so that an outage of all machines blames none of them. A chunk that fails everywhere
blames none either, since no machine ever makes it. A failure much faster than chunks are made counts double: a machine
that cannot do the work at all shows it at once. A machine that reports that it cannot work is bad at once.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

MAX_STRIKES = 3
"""Failures on its record, of different chunks that were made elsewhere, at which a machine is bad. Of 600 simulated
clusters of 2 to 20 machines none lost a sound one where 5 % of chunks fail by chance, and 2.5 % did where 11 % fail."""
MAX_KEPT = 8
"""Failures kept per machine; more would take longer to remove and add no information."""
MAX_STARTS = 3
"""Workers in a row that failed to start on one machine while others run elsewhere, at which it is bad."""
MAX_BAD_SHARE = 4
"""Failed chunks and full disks make at most one in this many live machines bad, but always at least one: if more fail,
the cause is elsewhere."""
FAST_SHARE = 0.1
"""A failure within this share of the time that chunks take counts double."""


def to_blame(is_computing: Mapping[Key, bool]) -> frozenset[Key]:
    """Which of the chunks that a dead worker held may have killed it."""
    computing = frozenset(key for key, computes in is_computing.items() if computes)
    return computing or frozenset(is_computing)


@dataclass(slots=True, kw_only=True)
class _Strike:
    chunk: str
    num_made_elsewhere: int
    """Chunks that other machines had made when it failed."""
    weight: int = 1
    was_made_elsewhere: bool = False
    """Whether another machine made the same chunk since."""


class MachineRecord:
    """The results of work on each machine. Machines and chunks are given by name."""

    def __init__(self) -> None:
        self._num_made: Counter[str] = Counter()
        self._num_made_anywhere = 0
        self._made_s = 0.0
        """Seconds that these took together."""
        self._machines: set[str] = set()
        self._strikes: dict[str, list[_Strike]] = {}
        self._failed_starts: Counter[str] = Counter()
        self._bad: set[str] = set()

    @property
    def bad(self) -> frozenset[str]:
        """Machines that get no more work."""
        return frozenset(self._bad)

    def started(self, machine: str) -> None:
        """Record that a worker started."""
        self._machines.add(machine)
        self._failed_starts.pop(machine, None)

    def failed_to_start(self, machine: str, *, others_run: bool) -> bool:
        """Record that a worker failed to start on this machine. Returns whether too many in a row have.

        Then the machine is bad if `others_run`, that is, if workers run on other machines.
        """
        self._machines.add(machine)
        self._failed_starts[machine] += 1
        if self._failed_starts[machine] < MAX_STARTS:
            return False
        if others_run:
            self._bad.add(machine)
        return True

    @property
    def failed_starts(self) -> frozenset[str]:
        """Machines on which the last worker failed to start."""
        return frozenset(self._failed_starts) - {""}

    def starts_fail(self, machine: str) -> bool:
        """Whether too many workers in a row failed to start there."""
        return self._failed_starts[machine] >= MAX_STARTS

    def cannot_work(self, machine: str) -> bool:
        """Record that a machine cannot work by its own report, such as a full disk. Returns whether it is bad now."""
        self._machines.add(machine)
        self._exclude_if_few(machine)
        return machine in self._bad

    def exclude(self, machine: str) -> None:
        """Record that a machine differs from what the driver requires, or cannot use the store: it is bad, however many
        others are."""
        self._machines.add(machine)
        self._bad.add(machine)

    def keep(self, machines: Collection[str]) -> None:
        """Forget all machines but these, which are alive."""
        self._machines.intersection_update(machines)
        self._bad.intersection_update(machines)
        for by_machine in (self._strikes, self._failed_starts, self._num_made):
            for gone in by_machine.keys() - {"", *machines}:
                del by_machine[gone]

    def made(self, machine: str, chunk: str, took_s: float = 0.0) -> None:
        """Record that a chunk was made there, in so many seconds."""
        self._machines.add(machine)
        self._num_made[machine] += 1
        self._num_made_anywhere += 1
        self._made_s += took_s
        if machine in self._strikes and not self._remove_oldest_failure(machine):
            del self._strikes[machine]
        for other, strikes in self._strikes.items():
            for strike in strikes:
                if strike.chunk == chunk and other != machine:
                    strike.was_made_elsewhere = True
                    self._check(other)

    def failed(self, machine: str, chunk: str, took_s: float = inf) -> None:
        """Record that a chunk failed there after so many seconds, or that the worker that held it died."""
        self._machines.add(machine)
        strikes = self._strikes.setdefault(machine, [])
        made_elsewhere = self._num_made_anywhere - self._num_made[machine]
        is_alone_in_it = made_elsewhere > (strikes[-1].num_made_elsewhere if strikes else 0)
        if is_alone_in_it and len(strikes) < MAX_KEPT and all(strike.chunk != chunk for strike in strikes):
            usual_s = self._made_s / self._num_made_anywhere
            weight = 2 if took_s < FAST_SHARE * usual_s else 1
            strikes.append(_Strike(chunk=chunk, num_made_elsewhere=made_elsewhere, weight=weight))

    def _remove_oldest_failure(self, machine: str) -> bool:
        """Remove the oldest failure from the record. Returns whether there are more."""
        self._strikes[machine] = self._strikes[machine][1:]
        return bool(self._strikes[machine])

    def _check(self, machine: str) -> None:
        if sum(strike.weight for strike in self._strikes[machine] if strike.was_made_elsewhere) >= MAX_STRIKES:
            self._exclude_if_few(machine)

    def _exclude_if_few(self, machine: str) -> None:
        if len(self._bad) < max(1, len(self._machines) // MAX_BAD_SHARE):
            self._bad.add(machine)
