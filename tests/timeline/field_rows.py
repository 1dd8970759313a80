"""Field measures of pictures, as they are for each pairing of fields."""

from collections.abc import Iterable

import numpy as np

from slomo_batch.timeline.field_measures import FieldMeasures
from slomo_batch.timeline.index import Int64s
from slomo_batch.timeline.pairing import Pairing

SAMPLES, LITTLE, MUCH, MOST = 100_000, 1_000, 60_000, 90_000
"""Examined samples, and combs of a weave of one frame, of two frames, and of fields further apart."""
_COMBS = {
    Pairing.UNKNOWN: (0, 0, 0),
    Pairing.WHOLE: (LITTLE, MUCH, MUCH),
    Pairing.FIRST_REPEATED: (MUCH, LITTLE, MUCH),
    Pairing.SPLIT: (MUCH, LITTLE, MOST),
    Pairing.SECOND_REPEATED: (LITTLE, LITTLE, MUCH),
    Pairing.FIELDS: (MUCH // 2, MUCH // 2, MOST),
}
"""Combs of the picture, of its first field with the one before, and of its second field."""
_CHANGES = {Pairing.FIRST_REPEATED: (0, MUCH), Pairing.SECOND_REPEATED: (MUCH, 0), Pairing.UNKNOWN: (0, 0)}


def row(pairing: Pairing, *, top_first: bool = True) -> FieldMeasures:
    """The measures of a picture that shows this clearly."""
    own, near, far = _COMBS[pairing]
    first, second = _CHANGES.get(pairing, (MUCH, MUCH))
    combs, changes = ((near, far), (first, second)) if top_first else ((far, near), (second, first))
    peaks = [140 if level >= MUCH // 2 else 20 for level in (own, *combs)]
    return FieldMeasures._make((own, *combs, *peaks, *changes, SAMPLES))


def rows(pairings: Iterable[Pairing], *, top_first: bool = True) -> Int64s:
    """A row for each picture. The first one has none before it, so nothing is measured."""
    measured = [row(pairing, top_first=top_first) for pairing in pairings]
    return np.array([FieldMeasures(), *measured[1:]], np.int64)
