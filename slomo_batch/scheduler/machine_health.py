"""Blame: whose fault it is when work fails on a cluster, the chunk's or the machine's. Pure, and without a clock.

Of the chunks that a worker held when it died, those are to blame that were being computed: fetching and storing kill
nobody. Where none was, nothing is known, and all of them are.

A machine is bad when several different chunks failed there that were made elsewhere, and it hardly makes any itself:
each chunk it makes takes one failure off its record. A failure counts only if some other machine made a chunk since
the last one that counted, so that an outage that all machines suffer blames none of them; a chunk that fails
everywhere blames none either, for nobody ever makes it. A machine that says itself that it cannot work is believed.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

MAX_STRIKES = 3
"""Failures on its record, of different chunks that were made elsewhere, at which a machine is bad. Of 600 simulated
clusters of 2 to 20 machines none lost a sound one where 5 % of chunks fail by chance, and 2.5 % did where 11 % fail."""
MAX_KEPT = 8
"""Failures kept per machine; more would take longer to forgive and tell nothing new."""
MAX_STARTS = 3
"""Workers in a row that failed to start on one machine while others run elsewhere, at which it is bad."""
MAX_BAD_SHARE = 4
"""Failed chunks and full disks make at most one in so many machines bad, but one always may be: else something else is
wrong."""


def to_blame(is_computing: Mapping[Key, bool]) -> frozenset[Key]:
    """Which of the chunks that a dead worker held may have killed it."""
    computing = frozenset(key for key, computes in is_computing.items() if computes)
    return computing or frozenset(is_computing)


@dataclass(slots=True, kw_only=True)
class _Strike:
    chunk: str
    num_made_elsewhere: int
    """Chunks that other machines had made when it failed."""
    was_made_elsewhere: bool = False
    """True once another machine made this very chunk."""


class MachineRecord:
    """What became of work on each machine. Machines and chunks are names."""

    def __init__(self) -> None:
        self._num_made: Counter[str] = Counter()
        self._num_made_anywhere = 0
        self._machines: set[str] = set()
        self._strikes: dict[str, list[_Strike]] = {}
        self._failed_starts: Counter[str] = Counter()
        self._bad: set[str] = set()

    @property
    def bad(self) -> frozenset[str]:
        """Machines that are to get no more work."""
        return frozenset(self._bad)

    def started(self, machine: str) -> None:
        """A worker is up."""
        self._machines.add(machine)
        self._failed_starts.pop(machine, None)

    def failed_to_start(self, machine: str, *, others_run: bool) -> bool:
        """A worker came to this machine and failed to start there; true where too many in a row have.

        The machine is bad then if `others_run`, workers on other machines: starting is possible, but not there.
        """
        self._machines.add(machine)
        self._failed_starts[machine] += 1
        if self._failed_starts[machine] < MAX_STARTS:
            return False
        if others_run:
            self._bad.add(machine)
        return True

    def cannot_work(self, machine: str) -> bool:
        """A machine says that it cannot work, as one with a full disk does; whether it is bad from now on."""
        self._machines.add(machine)
        self._condemn(machine)
        return machine in self._bad

    def runs_other_code(self, machine: str) -> None:
        """A machine runs another version than the driver: it is bad, however many others are."""
        self._machines.add(machine)
        self._bad.add(machine)

    def made(self, machine: str, chunk: str) -> None:
        """A chunk was made there."""
        self._machines.add(machine)
        self._num_made[machine] += 1
        self._num_made_anywhere += 1
        if machine in self._strikes and not self._forgive(machine):
            del self._strikes[machine]
        for other, strikes in self._strikes.items():
            for strike in strikes:
                if strike.chunk == chunk and other != machine:
                    strike.was_made_elsewhere = True
                    self._judge(other)

    def failed(self, machine: str, chunk: str) -> None:
        """A chunk failed there, or its worker died under it."""
        self._machines.add(machine)
        strikes = self._strikes.setdefault(machine, [])
        made_elsewhere = self._num_made_anywhere - self._num_made[machine]
        is_alone_in_it = made_elsewhere > (strikes[-1].num_made_elsewhere if strikes else 0)
        if is_alone_in_it and len(strikes) < MAX_KEPT and all(strike.chunk != chunk for strike in strikes):
            strikes.append(_Strike(chunk=chunk, num_made_elsewhere=made_elsewhere))

    def _forgive(self, machine: str) -> bool:
        """Take the oldest failure off the record; whether there are more."""
        self._strikes[machine] = self._strikes[machine][1:]
        return bool(self._strikes[machine])

    def _judge(self, machine: str) -> None:
        if sum(strike.was_made_elsewhere for strike in self._strikes[machine]) >= MAX_STRIKES:
            self._condemn(machine)

    def _condemn(self, machine: str) -> None:
        if len(self._bad) < max(1, len(self._machines) // MAX_BAD_SHARE):
            self._bad.add(machine)
