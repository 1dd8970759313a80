"""How the two fields of each picture belong together, as far as their measures show it.

To weave two fields is to put their lines together into one picture. If they were taken at different times, moving edges
in the weave are jagged: it has combs. The further apart in time the fields are, the more combs it has. So a picture
that is a whole frame has fewer combs than the weaves of its fields with those of the picture before. A picture with
fields of two film frames has more combs than one of these weaves. An interlaced picture has about as many as the weave
with the nearest field of the picture before.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.field_measures import FieldMeasures
from slomo_batch.timeline.index import Bools, Int64s

SAMPLES_PER_LEVEL = 256
"""Combs of less than one level per this many examined samples may be noise: they count as one level."""
LEAST_COMBS = 8
"""How many times that noise the most combed weave must have, to show anything."""
REPEAT_RATIO = 2
"""By which factor the change of the other field must exceed that of a repeated field."""
IDENTICAL_RATIO = 8
"""The same, from which the field is repeated even if noise hides combs."""
CUT_RATIO = 4
"""By which factor the change of a picture must exceed those of its neighbors to be a cut."""
CUT_CONTEXT = 3
"""Pictures on either side with which it is compared."""
COMBED_BLOCK = 100
"""Combed samples of a block of 256 from which a weave counts as combed if the others are no less combed."""


class Pairing(IntEnum):
    """How the fields of a picture belong to frames. The first field is the one that is shown first."""

    UNKNOWN = 0
    WHOLE = 1
    """Both fields are of a frame that begins with this picture."""
    FIRST_REPEATED = 2
    """The first field repeats that of the picture before, and the second begins a frame."""
    SPLIT = 3
    """The first field ends a frame that began in the picture before, and the second begins another."""
    SECOND_REPEATED = 4
    """The frame began with the second field of the picture before, which the second field repeats."""
    FIELDS = 5
    """Each field is of its own instant."""


Pairings = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Weaves:
    """The three weaves of each picture, and which of its fields are repeated. Rows are pictures."""

    own: Int64s
    """Combs of the picture itself, at least those of noise."""
    near: Int64s
    """Combs of its first field, woven with the second field of the picture before."""
    far: Int64s
    """Combs of its second field, woven with the first field of the picture before."""
    is_cut: Bools
    """Whether the picture begins a scene, so that weaves with the one before it show nothing."""
    is_measured: Bools
    """Whether there are enough combs to show how the fields belong together."""
    repeats_first: Bools
    """Whether the first field changed less than the second."""
    repeats_second: Bools
    is_first_identical: Bools
    """Whether the first field changed so much less that it must be the same, combs or not."""
    is_second_identical: Bools
    own_is_combed: Bools
    """Whether a block of the picture has more combs than the details of a whole frame."""
    near_is_combed: Bools

    @classmethod
    def of(cls, measures: Int64s, *, top_first: bool) -> "Weaves":
        """Those of pictures whose `FieldMeasures` are the rows of `measures`."""
        columns: dict[str, Int64s] = dict(zip(FieldMeasures._fields, measures.T, strict=True))
        own, num_samples = columns["own"], columns["num_samples"]
        first, second = ("top", "bottom") if top_first else ("bottom", "top")
        near, far = columns[first], columns[second]
        floor = np.maximum(num_samples // SAMPLES_PER_LEVEL, 1)
        first_change, second_change = columns[f"{first}_change"], columns[f"{second}_change"]
        most = np.maximum(own, np.maximum(near, far))
        return cls(
            own=np.maximum(own, floor),
            near=np.maximum(near, floor),
            far=np.maximum(far, floor),
            is_cut=_is_cut(first_change + second_change),
            is_measured=(most >= LEAST_COMBS * floor) & (num_samples > 0),
            repeats_first=_changed_less(first_change, second_change, REPEAT_RATIO, floor),
            repeats_second=_changed_less(second_change, first_change, REPEAT_RATIO, floor),
            is_first_identical=_changed_less(first_change, second_change, IDENTICAL_RATIO, floor),
            is_second_identical=_changed_less(second_change, first_change, IDENTICAL_RATIO, floor),
            own_is_combed=columns["own_peak"] >= COMBED_BLOCK,
            near_is_combed=columns[f"{first}_peak"] >= COMBED_BLOCK,
        )

    def rule_out(self, pairing: Pairing) -> Bools:
        """Whether the combs contradict this pairing: a weave that would be one frame has more than another weave."""
        least = np.minimum(self.own, np.minimum(self.near, self.far))
        ruled_out = np.zeros(len(self.own), np.bool_)
        if pairing in {Pairing.WHOLE, Pairing.SECOND_REPEATED}:
            ruled_out |= 2 * self.own > 3 * least
        if pairing in {Pairing.FIRST_REPEATED, Pairing.SPLIT, Pairing.SECOND_REPEATED}:
            ruled_out |= 2 * self.near > 3 * least
        # If a whole picture moves up or down by a line, both weaves with the one before have few combs.
        is_one_sided = 2 * np.maximum(self.near, self.far) > 3 * np.minimum(self.near, self.far)
        return ruled_out & is_one_sided & self.is_measured & ~self.is_cut

    def with_next(self) -> "Weaves":
        """The same, but near and far are the weaves with the fields of the picture after it."""
        after = np.minimum(np.arange(len(self.own)) + 1, len(self.own) - 1)
        return replace(
            self,
            near=self.near[after],
            far=self.far[after],
            near_is_combed=self.near_is_combed[after],
            is_measured=self.is_measured & ~self.is_cut[after],
        )


def seen_pairings(weaves: Weaves) -> Pairings:
    """Return the `Pairing` that each picture shows by itself. The first one of a scene is compared with the next."""
    return np.where(weaves.is_cut, _seen(weaves.with_next(), with_film=False), _seen(weaves, with_film=True))


def _seen(weaves: Weaves, *, with_film: bool) -> Pairings:
    own, near, far = weaves.own, weaves.near, weaves.far
    kinds = np.full(len(own), Pairing.UNKNOWN, np.int8)

    def mark(kind: Pairing, where: Bools) -> None:
        kinds[where & weaves.is_measured & (kinds == Pairing.UNKNOWN)] = kind

    if with_film:
        is_near_whole = ~weaves.near_is_combed | (own > 4 * near)
        is_split = _is_clear(own, near) & _is_clear(far, near) & is_near_whole
        mark(Pairing.FIRST_REPEATED, weaves.is_first_identical | (is_split & weaves.repeats_first))
        mark(Pairing.SPLIT, is_split & ~weaves.repeats_second)
        both_near = _is_clear(far, np.maximum(own, near)) & ~weaves.own_is_combed
        mark(Pairing.SECOND_REPEATED, weaves.is_second_identical | (both_near & weaves.repeats_second))
    between_crossed, crossed = np.abs(near - far), np.minimum(near, far)
    no_repeats = ~weaves.repeats_first & ~weaves.repeats_second
    is_whole = (crossed - own > 2 * between_crossed) & (2 * crossed > 3 * own)
    mark(Pairing.WHOLE, is_whole & no_repeats)
    is_in_order = 25 * far > 26 * near
    mark(Pairing.FIELDS, is_in_order & (far - near > 3 * np.abs(near - own)) & no_repeats)
    mark(Pairing.FIELDS, is_in_order & weaves.own_is_combed & weaves.near_is_combed & no_repeats)
    return kinds


def _is_cut(change: Int64s) -> Bools:
    """Whether a picture differs from the one before it far more than the pictures around it do.

    Several pictures around it are compared, because some of them may be repeats.
    """
    padded = np.pad(change, CUT_CONTEXT)
    shifts = [shift for shift in range(2 * CUT_CONTEXT + 1) if shift != CUT_CONTEXT]
    around = np.max([padded[shift : shift + len(change)] for shift in shifts], axis=0)
    is_cut: Bools = (change > CUT_RATIO * around) & (around > 0)
    return is_cut


def _changed_less(change: Int64s, other: Int64s, ratio: int, floor: Int64s) -> Bools:
    return (ratio * change < other) & (other > floor)


def _is_clear(more: Int64s, less: Int64s) -> Bools:
    """Whether one weave has so many more combs than another that its fields are clearly of two frames."""
    return 2 * more >= 5 * less
