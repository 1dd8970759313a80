"""The source pictures of a surveyed video whose scan is not the same throughout, and when each is shown.

The frames of film are restored, spaced evenly over their run. Everywhere else pictures keep their times, and each field
of an interlaced picture becomes a source picture, half a picture apart. Times are counted in quarters of a picture,
which is half of a field: film frames of a 3:2 cycle are five apart.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby

import numpy as np

from slomo_batch.timeline.field_groups import FieldGroup, field_groups, first_fields, followed
from slomo_batch.timeline.index import Int64s, SourceTimeline
from slomo_batch.timeline.pairing import Pairing
from slomo_batch.timeline.recipe import PictureAction, Recipe, SurveyedPictures
from slomo_batch.timeline.scan_counts import ScanCounts
from slomo_batch.timeline.scan_runs import CYCLES, ScanRun, find_runs, split_runs
from slomo_batch.timeline.survey import Survey

QUARTERS = 4
"""Parts of a picture in which times are counted."""


def scanned_pictures(
    decoded: SourceTimeline, survey: Survey, part_starts: Collection[int], *, frames_per_picture: int
) -> SurveyedPictures:
    """The source pictures of a video with these decoded pictures.

    No run of pictures continues beyond the first picture of a part of a joined file, which `part_starts` are. An
    interlaced picture gives `frames_per_picture` source pictures, 1 or 2.
    """
    measures = survey.fields
    runs = split_runs(find_runs(measures, survey.scan_flags), part_starts)
    groups = field_groups(runs, measures)
    shown = [group for group in groups if frames_per_picture == 2 or not _is_second(group)]
    if _is_left_of_film(shown[0]) and len(shown) > 1:
        del shown[0]
    times = [time for _, of_run in groupby(shown, key=lambda group: group.run) for time in _times(list(of_run))]
    if _is_left_of_film(shown[-1]) and times[-1] >= QUARTERS * len(measures):
        del shown[-1], times[-1]
    return SurveyedPictures(
        recipe=Recipe(
            pictures=np.array([group.picture for group in shown], np.int64),
            actions=np.array([_action(group) for group in shown], np.int8),
        ),
        timeline=_timeline(decoded, _increasing(times), runs, frames_per_picture),
        scan=_counts(runs, groups, shown, decoded.nominal_rate),
    )


# ---- what is made ----------------------------------------------------------------------------------------------------


def _is_fields(group: FieldGroup) -> bool:
    """Whether it is a field of a picture that is interlaced, not what is left of a film frame."""
    return group.is_single and followed(group.run, group.picture) == Pairing.FIELDS


def _is_left_of_film(group: FieldGroup) -> bool:
    """Whether it is the only field of a film frame."""
    return group.is_single and group.run.is_film


def _is_second(group: FieldGroup) -> bool:
    return _is_fields(group) and group.first % 2 == 1


def _action(group: FieldGroup) -> PictureAction:
    top_first, is_second = group.run.way.top_first, group.first % 2 == 1
    if group.is_combed:
        return PictureAction.TOP_ALONE if top_first else PictureAction.BOTTOM_ALONE
    if group.is_woven:
        return PictureAction.BOTTOM_BEFORE if top_first else PictureAction.TOP_BEFORE
    if not group.is_single:
        return PictureAction.AS_IS
    if not _is_fields(group):
        return PictureAction.TOP_ALONE if top_first != is_second else PictureAction.BOTTOM_ALONE
    if top_first:
        return PictureAction.TFF_SECOND if is_second else PictureAction.TFF_FIRST
    return PictureAction.BFF_SECOND if is_second else PictureAction.BFF_FIRST


# ---- when it is shown ------------------------------------------------------------------------------------------------


def _times(groups: list[FieldGroup]) -> list[int]:
    """Times of the groups of one run, in quarters of a picture.

    Film frames are spaced evenly from the first one that begins in the run, at its time; in the run at the start of the
    video, from its first one, at 0.
    """
    run, own = groups[0].run, [2 * group.first for group in groups]
    if not run.is_film:
        return own
    starts, num_pictures = first_fields(run.way.name), len(CYCLES[run.way.name])
    cycle_begin = 2 * (run.first - run.way.step)
    spacing = QUARTERS * num_pictures // len(starts)

    def frame(group: FieldGroup) -> tuple[int, bool]:
        """The number of the frame by the cycle, and whether it begins with the group."""
        cycle, field = divmod(group.first - cycle_begin, 2 * num_pictures)
        place = bisect_right(starts, field) - 1
        return cycle * len(starts) + place, place >= 0 and starts[place] == field

    frames = [frame(group) for group in groups]
    begun = [place for place, (_, begins) in enumerate(frames) if begins]
    anchor, at = (0, 0) if run.first == 0 else (begun[0], own[begun[0]])
    return [
        at + spacing * (number - frames[anchor][0]) if place == anchor or (place > anchor and begins) else own[place]
        for place, (number, begins) in enumerate(frames)
    ]


def _increasing(times: Sequence[int]) -> Int64s:
    """The times, each at least a quarter after the one before."""
    places = np.arange(len(times), dtype=np.int64)
    rising: Int64s = np.maximum.accumulate(np.array(times, np.int64) - places) + places
    return rising


def _timeline(
    decoded: SourceTimeline, quarters: Int64s, runs: Sequence[ScanRun], frames_per_picture: int
) -> SourceTimeline:
    bounds = np.append(decoded.ticks, np.int64(decoded.end))
    whole, part = np.divmod(quarters, QUARTERS)
    ticks = bounds[whole] * (QUARTERS - part) + bounds[whole + 1] * part
    end = QUARTERS * decoded.end
    unit = int(np.gcd.reduce(np.append(ticks, end)))
    tick_s = decoded.tick_s * unit / QUARTERS
    steps = np.diff(ticks) // unit
    is_constant = decoded.rate is not None and len(steps) > 0 and (steps == steps[0]).all()
    rate = 1 / (int(steps[0]) * tick_s) if is_constant else None
    nominal = rate or decoded.nominal_rate * _usual_share(runs, frames_per_picture)
    return replace(decoded, tick_s=tick_s, ticks=ticks // unit, end=end // unit, rate=rate, nominal_rate=nominal)


def _usual_share(runs: Sequence[ScanRun], frames_per_picture: int) -> Fraction:
    """Source pictures per decoded picture, in the runs that make up most of the video."""
    pictures: Counter[Fraction] = Counter()
    for run in runs:
        pictures[_share(run, frames_per_picture)] += run.end - run.first
    return pictures.most_common(1)[0][0]


def _share(run: ScanRun, frames_per_picture: int) -> Fraction:
    if run.is_film:
        return Fraction(len(first_fields(run.way.name)), len(CYCLES[run.way.name]))
    return Fraction(frames_per_picture if run.way.name == "interlaced" else 1)


def _counts(
    runs: Sequence[ScanRun], groups: Sequence[FieldGroup], shown: Sequence[FieldGroup], rate: Fraction
) -> ScanCounts:
    film = [run for run in runs if run.is_film]
    elsewhere = [group for group in groups if not group.run.is_film]
    shown_film = [group for group in shown if group.run.is_film]
    longest = max(film, key=lambda run: run.end - run.first, default=None)
    return ScanCounts(
        progressive=sum(not group.is_single for group in elsewhere),
        interlaced=sum(group.is_single for group in elsewhere) // 2,
        film=sum(run.end - run.first for run in film),
        film_frames=len(shown_film),
        runs=len(film),
        repeated_fields=sum(group.num_repeats for group in shown_film),
        single_fields=sum(group.is_single for group in shown_film),
        combed=sum(group.is_combed for group in shown),
        dropped=len(groups) - len(elsewhere) - len(shown_film),
        film_rate=Fraction(0) if longest is None else rate * _share(longest, 1),
    )
