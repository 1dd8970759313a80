"""Recognize how runs of pictures were made: whole frames, a camera's fields, or film with repeated fields (telecine).

Each of these ways repeats a cycle of pairings. The Viterbi algorithm finds the most probable way of every picture, over
the whole video. A picture that shows the pairing that a way expects scores points for that way; one that shows another
pairing costs points, and so does each change of the way. All scores are whole numbers, so the result is the same on
every machine.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.field_measures import FieldMeasures
from slomo_batch.timeline.index import Int64s
from slomo_batch.timeline.pairing import COMBED_BLOCK, Pairing, Weaves, seen_pairings

WHOLE, SPLIT, FIELDS = Pairing.WHOLE, Pairing.SPLIT, Pairing.FIELDS
FIRST, SECOND = Pairing.FIRST_REPEATED, Pairing.SECOND_REPEATED
CYCLES: Mapping[str, tuple[Pairing, ...]] = {
    "progressive": (WHOLE,),
    "interlaced": (FIELDS,),
    "3:2": (WHOLE, WHOLE, FIRST, SPLIT, SECOND),
    "2:3:3:2": (WHOLE, WHOLE, FIRST, SECOND, WHOLE),
    "3:2:2:3": (WHOLE, FIRST, SPLIT, SPLIT, SECOND),
    "2:2": (SPLIT,),
}
"""The pairings of successive pictures, by the name of the way."""
FILM = frozenset({"3:2", "2:3:3:2", "3:2:2:3", "2:2"})
"""The ways of film whose frames may begin with either field."""
MIN_FILM_PICTURES = 15
"""Fewest pictures of a run of film: three cycles of five."""
MIN_SAMPLED_PICTURES = 10
"""Fewest successive pictures among samples of a video that show film: two cycles."""
CLEARLY_FILM = 12
"""By how many points film must fit these pictures better than anything else does."""
CHANGE = 12
"""Points that a change of the way costs."""
SCORES: Mapping[Pairing, Mapping[Pairing, int]] = {
    WHOLE: {WHOLE: 2, FIRST: -3, SPLIT: -4, SECOND: -1, FIELDS: -2},
    FIRST: {WHOLE: -2, FIRST: 3, SPLIT: 0, SECOND: -3, FIELDS: -3},
    SPLIT: {WHOLE: -3, FIRST: 0, SPLIT: 2, SECOND: -1, FIELDS: -3},
    SECOND: {WHOLE: -1, FIRST: -3, SPLIT: -3, SECOND: 3, FIELDS: -2},
    FIELDS: {WHOLE: -2, FIRST: -3, SPLIT: -3, SECOND: -3, FIELDS: 2},
}
"""How much a pairing that is seen counts, by the pairing that the cycle expects."""
RULED_OUT = -3
"""How much it counts if no pairing is seen, but the expected one is ruled out."""
PARTS_PER_POINT = 256
"""A scan flag counts this part of a point: it decides between ways that are otherwise equally good."""
FLAGS = ("progressive", "tff", "bff")
"""The scan flags of pictures, by their numbers in a survey."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a picture was made."""

    name: str
    """A key of CYCLES."""
    top_first: bool
    """Whether the top field is shown first; true for progressive pictures, where it does not count."""
    step: int
    """Place in the cycle."""

    @property
    def pairing(self) -> Pairing:
        """What is expected of the picture."""
        return CYCLES[self.name][self.step]

    def after(self, num_pictures: int) -> "Way":
        """The way of a picture so much later in the same run."""
        return replace(self, step=(self.step + num_pictures) % len(CYCLES[self.name]))


WAYS = tuple(
    Way(name, top_first, step)
    for name, cycle in CYCLES.items()
    for top_first in ((True,) if name == "progressive" else (True, False))
    for step in range(len(cycle))
)
"""All ways. Of equally good ones, the first is taken."""


@dataclass(frozen=True, slots=True)
class ScanRun:
    """Successive pictures that were made in one way."""

    first: int
    """Number of the first picture."""
    end: int
    """Number of the picture after the last."""
    way: Way
    """That of the first picture."""

    def pairing(self, picture: int) -> Pairing:
        """What is expected of one of its pictures."""
        return self.way.after(picture - self.first).pairing

    @property
    def is_film(self) -> bool:
        """Whether it is film, and long enough for its frames to be spaced evenly."""
        return self.way.name in FILM and self.end - self.first >= MIN_FILM_PICTURES


def find_runs(measures: Int64s, flags: NDArray[np.int8]) -> list[ScanRun]:
    """The runs of a video, in order. Rows of both arrays are pictures: their `FieldMeasures`, and numbers in FLAGS."""
    runs: list[ScanRun] = []
    for number, place in enumerate(_best_path(_points(measures, flags))):
        way = WAYS[place]
        if runs and way == runs[-1].way.after(number - runs[-1].first):
            runs[-1] = replace(runs[-1], end=number + 1)
        else:
            runs.append(ScanRun(number, number + 1, way))
    return _with_first_fields(runs, measures)


def _with_first_fields(runs: list[ScanRun], measures: Int64s) -> list[ScanRun]:
    """The runs, with the picture before an interlaced run in that run if it is as combed.

    The first picture of a scene has fewer combs than its weaves with the scene before, as if it were whole.
    """
    own, peaks = (measures[:, FieldMeasures._fields.index(name)] for name in ("own", "own_peak"))
    grown = list(runs)
    for place, (before, run) in enumerate(pairwise(runs)):
        last = run.first - 1
        is_combed = peaks[last] >= COMBED_BLOCK and 2 * own[last] >= own[run.first]
        if run.way.name == "interlaced" and before.way.name == "progressive" and is_combed and last > before.first:
            grown[place : place + 2] = replace(before, end=last), replace(run, first=last)
    return grown


def split_runs(runs: Sequence[ScanRun], starts: Collection[int]) -> list[ScanRun]:
    """The runs, with another beginning at each of the pictures `starts`."""
    parts: list[ScanRun] = []
    for run in runs:
        bounds = [run.first, *sorted(start for start in set(starts) if run.first < start < run.end), run.end]
        parts += [ScanRun(first, end, run.way.after(first - run.first)) for first, end in pairwise(bounds)]
    return parts


def shows_film(measures: Int64s) -> bool:
    """Whether a few successive pictures, whose `FieldMeasures` are the rows, are clearly film with repeated fields."""
    points = _points(measures, np.full(len(measures), -1, np.int8))
    others = [column for column, way in enumerate(WAYS) if way.name not in FILM]
    path = _best_path(points)
    for run in find_runs(measures, np.full(len(measures), -1, np.int8)):
        rows = slice(run.first, run.end)
        of_film = points[np.arange(run.first, run.end), path[rows]].sum()
        is_clear = of_film - points[rows, others].sum(axis=0).max() >= CLEARLY_FILM * PARTS_PER_POINT
        if run.way.name in FILM and run.end - run.first >= MIN_SAMPLED_PICTURES and is_clear:
            return True
    return False


def _points(measures: Int64s, flags: NDArray[np.int8]) -> Int64s:
    """How well each way fits each picture by itself: rows are pictures, columns ways."""
    weaves = {top_first: Weaves.of(measures, top_first=top_first) for top_first in (True, False)}
    points = np.empty((len(flags), len(WAYS)), np.int64)
    for column, way in enumerate(WAYS):
        if way.name == "progressive":  # the same in either order
            fits, flag = np.minimum(_fits(way.pairing, weaves[True]), _fits(way.pairing, weaves[False])), 0
        else:
            fits, flag = _fits(way.pairing, weaves[way.top_first]), 1 if way.top_first else 2
        points[:, column] = PARTS_PER_POINT * fits + (flags == flag)
    return points


def _fits(expected: Pairing, weaves: Weaves) -> Int64s:
    scores = np.zeros(len(Pairing), np.int64)
    for found, score in SCORES[expected].items():
        scores[found] = score
    seen = seen_pairings(weaves)
    fits: Int64s = np.where((seen == Pairing.UNKNOWN) & weaves.rule_out(expected), RULED_OUT, scores[seen])
    return fits


def _best_path(points: Int64s) -> list[int]:
    """Return a column for each row, so that the sum of their points minus the cost of all changes is largest."""
    before = np.array([WAYS.index(way.after(len(CYCLES[way.name]) - 1)) for way in WAYS])
    came_from = np.empty(points.shape, np.int16)
    total = np.zeros(points.shape[1], np.int64)
    for row, of_row in enumerate(points):
        best = int(total.argmax())
        stays, changes = total[before], total[best] - CHANGE * PARTS_PER_POINT
        came_from[row] = np.where(stays >= changes, before, best)
        total = np.maximum(stays, changes) + of_row
    path = [int(total.argmax())]
    for row in range(len(points) - 1, 0, -1):
        path.append(int(came_from[row, path[-1]]))
    return path[::-1]
