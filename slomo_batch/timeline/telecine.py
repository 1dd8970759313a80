"""Soft telecine: film whose frames last 2 or 3 fields in turn, because flags tell players to repeat fields.

Film of 24000/1001 frames/s on a DVD or in a broadcast of 60000/1001 fields/s has such flags. Each frame is stored once,
but its time is that of the field it begins with, so frames are 2 and 3 fields apart. Film moves evenly: its frames get
evenly spaced times again, within one field (17 ms) of the stored ones. Film of 24 frames/s on 50 fields/s is the same:
every 12th frame lasts 3 fields.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.rates import ConstantRate, grid_of

Int64s = NDArray[np.int64]

FIELD_RATES = (Fraction(60000, 1001), Fraction(60), Fraction(50))
"""Fields per second of television."""
FIELDS_PER_FRAME = (Fraction(5, 2), Fraction(25, 12))
"""Mean duration of a film frame in fields: 24 frames on 60 fields, and 24 on 50."""
MIN_LONG_FRAMES = 3
"""Frames of 3 fields without which there is no telecine: a rhythm of fewer may be chance."""
MIN_RUN_STEPS = 12
"""Frames that last 3 and 2 fields strictly in turn, from which they count as film among other frames."""
MAX_GAPS = 0.05
"""Largest share of frames that may last more than 3 fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedTelecine:
    """Frame times of a video that is partly film with repeated fields. The unit is half a field."""

    tick_s: Fraction
    """Duration of half a field in seconds."""
    ticks: Int64s
    """Time of each frame, 0 first: evenly spaced within film, as stored elsewhere."""
    num_film: int
    """Number of frames that are film."""
    rate: Fraction
    """The rate of most frames: that of the film, or one frame for 2 fields."""


def find_telecine(pts: Int64s, time_base: Fraction) -> ConstantRate | MixedTelecine | None:
    """The film behind strictly increasing `pts` (ticks of `time_base` seconds); None if there are no repeated fields.

    If all frames are film, the result is its constant rate.
    """
    for field_rate in FIELD_RATES:
        fields = grid_of(pts - pts[0], time_base, field_rate)
        if fields is None or not _lasts_two_or_three(fields):
            continue
        if (film := _all_film(fields, field_rate)) is not None:
            return film
        if (mixed := _partly_film(fields, field_rate)) is not None:
            return mixed
    return None


def _lasts_two_or_three(fields: Int64s) -> bool:
    """True if frames last 2 or 3 fields, apart from a few gaps."""
    steps = np.diff(fields)
    has_film = np.count_nonzero(steps == 3) >= MIN_LONG_FRAMES and np.count_nonzero(steps == 2) >= MIN_LONG_FRAMES
    return bool(has_film and steps.min() >= 2 and np.count_nonzero(steps > 3) <= MAX_GAPS * len(steps))


def _all_film(fields: Int64s, field_rate: Fraction) -> ConstantRate | None:
    """The constant rate of which every frame is within one field, or None."""
    numbers = np.arange(len(fields), dtype=np.int64)
    if np.diff(fields).max() > 3:
        return None
    for mean in FIELDS_PER_FRAME:
        late = fields * mean.denominator - numbers * mean.numerator
        if int(late.max() - late.min()) <= mean.denominator:
            return ConstantRate(rate=field_rate / mean, grid=numbers, num_film=len(numbers))
    return None


def _partly_film(fields: Int64s, field_rate: Fraction) -> MixedTelecine | None:
    """The video with the frames of each run of film spaced evenly, or None if there is no run."""
    ticks = 2 * fields
    num_film = 0
    for first, last in _runs(np.diff(fields)):
        ticks[first : last + 1] = ticks[first] + 5 * np.arange(last + 1 - first)
        num_film += last + 1 - first
    if not num_film:
        return None
    rate = field_rate / (FIELDS_PER_FRAME[0] if 2 * num_film > len(fields) else 2)
    return MixedTelecine(tick_s=1 / (2 * field_rate), ticks=ticks, num_film=num_film, rate=rate)


def _runs(steps: Int64s) -> list[tuple[int, int]]:
    """First and last frames of the longest stretches in which frames last 3 and 2 fields in turn."""
    in_turn = (steps[1:] + steps[:-1] == 5) & (np.abs(steps[1:] - steps[:-1]) == 1)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], in_turn, [False])).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        first = max(begin, runs[-1][1] + 1) if runs else begin
        if end + 1 - first >= MIN_RUN_STEPS:
            runs.append((first, end + 1))
    return runs
