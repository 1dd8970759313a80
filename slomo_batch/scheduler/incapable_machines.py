"""IncapableMachines: machines whose workers lack what the job needs. They get no chunks, but steps as any other.

Each worker tells its abilities when it has started. Machines of a type are alike, so a note counts them by type. After
two incapable machines of a type, without a capable one, no worker is placed on others.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from slomo_batch.errors import AbilityMissing
from slomo_batch.plan.needs import Needs
from slomo_batch.report.units import counted
from slomo_batch.scheduler.abilities import Abilities, Lack, missing

GATHER_S = 10.0
"""Seconds from the first incapable machine of a group to the note on it, which counts those that come meanwhile."""
MIN_INCAPABLE = 2
"""Incapable machines of a type, without a capable one, after which the type gets no workers. One may be an accident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Machines of one type and device that lack the same."""

    machine_type: str
    device: str
    lacks: tuple[Lack, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The same for all amounts of what they lack: a job needs more memory with each larger video."""
        return (self.machine_type, self.device, *(lack.setting or lack.what for lack in self.lacks))

    def named(self, number: int) -> str:
        """So many of them, by type and device."""
        type_and_device = f"of type {self.machine_type} ({self.device})" if self.machine_type else f"with {self.device}"
        return f"{counted(number, 'machine')} {type_and_device}"

    @property
    def what(self) -> str:
        """What they lack, as the object of "lack"."""
        return " and ".join(lack.what for lack in self.lacks)

    @property
    def other_remedy(self) -> str:
        """What to do to use them, as the end of a sentence."""
        settings = " and ".join(sorted({lack.setting for lack in self.lacks if lack.setting}))
        return f"set {settings} in a job of another name" if settings else "see what `slomo-batch doctor` says there"

    def note(self, number: int) -> str:
        """That so many of them get no chunks, why, and what to do."""
        get, they_lack = ("gets", "it lacks") if number == 1 else ("get", "they lack")
        they = "this type" if self.machine_type else "such machines"
        return (
            f"{self.named(number)} {get} no chunks: {they_lack} {self.what}, which this job uses. "
            f"Remove {they} from the cluster, or {self.other_remedy}."
        )


class IncapableMachines:
    """What the job needs, what the workers on each machine can do, and which machines are set aside."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._needs = Needs()
        self._abilities: dict[str, Abilities] = {}
        """By machine; also of those that are gone."""
        self._gone: Collection[str] = ()
        self._numbers: Counter[_Group] = Counter()
        """Incapable machines by group."""
        self._noted: Counter[tuple[str, ...]] = Counter()
        """The numbers that notes gave, by the key of a group."""
        self._since_s: dict[tuple[str, ...], float] = {}
        self.names: frozenset[str] = frozenset()
        """The incapable machines."""
        self.types: frozenset[str] = frozenset()
        """The types of machine on which no worker can work, as far as is known."""

    @property
    def first(self) -> Abilities | None:
        """What the first worker can do; None if none has."""
        return next(iter(self._abilities.values()), None)

    def add(self, machine: str, abilities: Abilities) -> bool:
        """Record what a worker on the machine can do. Returns whether that is what the job needs.

        An encoder that worked before still does: GPUs for consumers refuse it while other chunks use all sessions.
        """
        before = self._abilities.get(machine, abilities)
        abilities = replace(abilities, nvenc=tuple(dict.fromkeys((*before.nvenc, *abilities.nvenc))))
        self._abilities[machine] = abilities
        if missing(self._needs, abilities) or abilities.machine_type in self.types:
            self._compare()
        return machine not in self.names

    def require(self, needs: Needs) -> None:
        """Set what the job needs."""
        self._needs = needs
        self._compare()

    def keep(self, machines: Collection[str]) -> None:
        """Set aside none but these, which are alive."""
        self._gone = self._abilities.keys() - machines
        self.names -= self._gone

    def _compare(self) -> None:
        lacks = {machine: missing(self._needs, able) for machine, able in self._abilities.items()}
        incapable = {machine: able for machine, able in self._abilities.items() if lacks[machine]}
        self.names = frozenset(incapable.keys() - self._gone)
        self._numbers = Counter(
            _Group(machine_type=able.machine_type, device=able.device, lacks=lacks[machine])
            for machine, able in incapable.items()
        )
        for group in self._numbers:
            self._since_s.setdefault(group.key, self._clock())
        capable = {able.machine_type for machine, able in self._abilities.items() if machine not in incapable}
        numbers = Counter(able.machine_type for able in incapable.values() if able.machine_type)
        self.types = frozenset(name for name, number in numbers.items() if number >= MIN_INCAPABLE) - capable

    def take_notes(self, *, at_end: bool) -> list[str]:
        """A note for a person on each group of incapable machines, and again when there are twice as many.

        At the end no more machines are waited for.
        """
        notes = []
        for group, number in self._numbers.items():
            is_told = number < max(1, 2 * self._noted[group.key])
            is_counted = at_end or self._clock() - self._since_s[group.key] >= GATHER_S
            if is_counted and not is_told:
                self._noted[group.key] = number
                notes.append(group.note(number))
        return notes

    def error(self) -> AbilityMissing:
        """The error that no machine can work."""
        found = (
            f"{group.named(number)} that {'lacks' if number == 1 else 'lack'} {group.what}"
            for group, number in self._numbers.items()
        )
        remedies = {group.other_remedy for group in self._numbers}
        return AbilityMissing(
            "no machine can do what this job needs",
            got=", ".join(found),
            remedy=f"Add machines like the one it began on, or {', and '.join(sorted(remedies))}.",
        )
