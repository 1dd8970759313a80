"""Group the fields of a video by the frames that they are parts of.

Successive fields of one frame form a group. Where groups begin follows from the pairings of the runs. A run of film is
followed as its cycle says; in one too short for that, pictures with fields of two frames count as a camera's fields.
The frames are checked: one that its run says to be whole may still be combed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slomo_batch.timeline.index import Bools, Int64s
from slomo_batch.timeline.pairing import Pairing, Pairings, Weaves, seen_pairings
from slomo_batch.timeline.scan_runs import CYCLES, FILM, ScanRun

BEGINS_WITH_FIRST = frozenset({Pairing.WHOLE, Pairing.FIELDS})
"""Pairings of pictures whose first field begins a group."""
BEGINS_WITH_SECOND = frozenset({Pairing.FIRST_REPEATED, Pairing.SPLIT, Pairing.FIELDS})
"""Pairings of pictures whose second field begins a group."""


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Successive fields that are of one frame. Field k is of picture k // 2."""

    first: int
    end: int
    """Number of the field after the last."""
    run: ScanRun
    is_combed: bool = False
    """Whether its frame would be combed, against what the run says."""

    @property
    def is_single(self) -> bool:
        """Whether it has only one field."""
        return self.end - self.first == 1

    @property
    def picture(self) -> int:
        """The picture that the frame is made of: one with two fields of the group, else that of its last field."""
        whole = -(-self.first // 2)
        return whole if 2 * whole + 2 <= self.end else (self.end - 1) // 2

    @property
    def is_woven(self) -> bool:
        """Whether the frame is woven of the picture's first field and the second field of the picture before."""
        return not self.is_single and 2 * self.picture + 2 > self.end

    @property
    def num_repeats(self) -> int:
        """Fields that repeat another of the group."""
        return max(0, self.end - self.first - 2)


def field_groups(runs: Sequence[ScanRun], measures: Int64s) -> list[FieldGroup]:
    """The groups of all fields of a video, in order. `measures` has the `FieldMeasures` of a picture in each row."""
    begins = np.ones(2 * len(measures), np.bool_)
    combed = {top_first: _CombedWeaves.of(measures, top_first=top_first) for top_first in (True, False)}
    for run in runs:
        for picture in range(run.first, run.end):
            pairing = followed(run, picture)
            begins[2 * picture] = picture == run.first or pairing in BEGINS_WITH_FIRST
            begins[2 * picture + 1] = pairing in BEGINS_WITH_SECOND
    return [_checked(group, combed) for group in _groups(np.flatnonzero(begins).tolist(), len(begins), runs)]


def _checked(group: FieldGroup, combed: "Mapping[bool, _CombedWeaves]") -> FieldGroup:
    weaves = combed[group.run.way.top_first]
    is_combed = (weaves.near if group.is_woven else weaves.own)[group.picture] and not group.is_single
    return replace(group, is_combed=bool(is_combed))


def first_fields(way_name: str) -> list[int]:
    """The fields that begin a frame in the cycle of this name, counted from the first of the cycle."""
    fields = [2 * step for step, pairing in enumerate(CYCLES[way_name]) if pairing in BEGINS_WITH_FIRST]
    fields += [2 * step + 1 for step, pairing in enumerate(CYCLES[way_name]) if pairing in BEGINS_WITH_SECOND]
    return sorted(fields)


def followed(run: ScanRun, picture: int) -> Pairing:
    """The pairing that is followed in a picture of the run."""
    pairing = run.pairing(picture)
    if run.is_film or run.way.name not in FILM:
        return pairing
    return Pairing.FIELDS if pairing in BEGINS_WITH_SECOND else Pairing.WHOLE


def _groups(firsts: list[int], num_fields: int, runs: Sequence[ScanRun]) -> Iterator[FieldGroup]:
    remaining = iter(runs)
    run = next(remaining)
    for first, end in pairwise([*firsts, num_fields]):
        if first >= 2 * run.end:
            run = next(remaining)
        yield FieldGroup(first, end, run)


@dataclass(frozen=True, slots=True)
class _CombedWeaves:
    """Which weaves are certainly combed."""

    own: Bools
    near: Bools

    @classmethod
    def of(cls, measures: Int64s, *, top_first: bool) -> "_CombedWeaves":
        weaves = Weaves.of(measures, top_first=top_first)
        seen = seen_pairings(weaves)
        return cls(
            own=weaves.own_is_combed & _is_one_of(seen, BEGINS_WITH_SECOND),
            near=weaves.near_is_combed & _is_one_of(seen, BEGINS_WITH_FIRST),
        )


def _is_one_of(seen: Pairings, kinds: frozenset[Pairing]) -> Bools:
    found: Bools = np.isin(seen, [int(kind) for kind in kinds])
    return found
