"""The frames of film are restored, evenly spaced; other pictures keep their times; and every field is accounted for."""

from fractions import Fraction
from itertools import cycle, islice

import numpy as np
import pytest

from slomo_batch.timeline.index import Int64s, SourceTimeline
from slomo_batch.timeline.pairing import Pairing
from slomo_batch.timeline.recipe import PictureAction, SurveyedPictures
from slomo_batch.timeline.scan_counts import ScanCounts
from slomo_batch.timeline.scan_runs import CYCLES
from slomo_batch.timeline.scanned import scanned_pictures
from slomo_batch.timeline.survey import Survey
from tests.timeline.field_rows import rows

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
TFF, BFF = 1, 2
AS_IS, TOP_BEFORE, BOTTOM_BEFORE = PictureAction.AS_IS, PictureAction.TOP_BEFORE, PictureAction.BOTTOM_BEFORE


def pairings(name: str, num_pictures: int, step: int = 0) -> list[Pairing]:
    return list(islice(cycle(CYCLES[name]), step, step + num_pictures))


def constant(num_pictures: int, rate: Fraction = NTSC) -> SourceTimeline:
    ticks = np.arange(num_pictures, dtype=np.int64)
    return SourceTimeline(tick_s=1 / rate, ticks=ticks, end=num_pictures, rate=rate, nominal_rate=rate)


def surveyed(measures: Int64s, flag: int = TFF) -> Survey:
    num_pictures = len(measures)
    return Survey(
        hashes=np.arange(num_pictures, dtype=np.uint64),
        is_held=np.zeros(num_pictures, np.bool_),
        block_change=np.ones(num_pictures, np.float32),
        mean_change=np.ones(num_pictures, np.float32),
        fields=measures,
        scan_flags=np.full(num_pictures, flag, np.int8),
    )


def scanned(
    shown: list[Pairing], *, top_first: bool = True, per_picture: int = 2, rate: Fraction = NTSC
) -> SurveyedPictures:
    survey = surveyed(rows(shown, top_first=top_first), TFF if top_first else BFF)
    found = scanned_pictures(constant(len(shown), rate), survey, (), frames_per_picture=per_picture)
    assert found.timeline.duration_s == len(shown) / rate
    counts = counts_of(found)
    fields = 2 * (counts.progressive + counts.interlaced + counts.film)
    assert fields == 2 * len(shown)
    if per_picture == 2:
        singles = counts.single_fields + counts.dropped
        assert 2 * counts.film == 2 * (counts.film_frames - counts.single_fields) + counts.repeated_fields + singles
    return found


def counts_of(found: SurveyedPictures) -> ScanCounts:
    assert found.scan is not None
    return found.scan


def times(found: SurveyedPictures) -> list[Fraction]:
    """Times of the source pictures, counted in decoded pictures."""
    return [int(tick) * found.timeline.tick_s * NTSC for tick in found.timeline.ticks]


@pytest.mark.parametrize("top_first", [True, False])
def test_five_pictures_of_film_become_four_frames(top_first: bool) -> None:
    found = scanned(pairings("3:2", 30), top_first=top_first)
    assert (found.timeline.rate, found.timeline.num_frames, found.timeline.end) == (FILM, 24, 24)
    assert found.recipe.pictures[:8].tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    woven = BOTTOM_BEFORE if top_first else TOP_BEFORE
    assert found.recipe.actions[:8].tolist() == [AS_IS, AS_IS, woven, AS_IS] * 2
    assert (counts_of(found).repeated_fields, counts_of(found).film_rate) == (12, FILM)


def test_advanced_pulldown_needs_no_weaving() -> None:
    found = scanned(pairings("2:3:3:2", 30))
    assert (found.timeline.rate, found.timeline.num_frames) == (FILM, 24)
    assert found.recipe.pictures[:8].tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert set(found.recipe.actions.tolist()) == {AS_IS}


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("name", ["3:2", "2:3:3:2"])
def test_film_is_even_from_the_first_frame_on(name: str, step: int) -> None:
    found = scanned(pairings(name, 40, step))
    assert (found.timeline.rate, found.timeline.nominal_rate) == (FILM, FILM)
    assert times(found) == [Fraction(5, 4) * number for number in range(found.timeline.num_frames)]
    first_is_single = pairings(name, 1, step)[0] in {Pairing.FIRST_REPEATED, Pairing.SPLIT}
    assert counts_of(found).dropped in {first_is_single, first_is_single + 1}
    late = [time - picture for time, picture in zip(times(found), found.recipe.pictures.tolist(), strict=True)]
    assert min(late) >= Fraction(-5, 4)  # a frame may begin half a picture before the whole one of its pictures
    assert max(late) <= Fraction(3, 4)


def test_film_a_field_late_keeps_its_rate() -> None:
    found = scanned([Pairing.SPLIT] * 30, rate=Fraction(25))
    assert (found.timeline.rate, found.timeline.num_frames) == (Fraction(25), 30)
    assert found.recipe.actions[:3].tolist() == [BOTTOM_BEFORE] * 3
    assert found.recipe.actions[-1] == PictureAction.BOTTOM_ALONE
    assert (counts_of(found).dropped, counts_of(found).single_fields) == (1, 1)


def test_an_edit_begins_another_run_at_its_own_time() -> None:
    found = scanned(pairings("3:2", 23) + pairings("3:2", 27, 2))
    assert (found.timeline.rate, counts_of(found).runs, counts_of(found).film_frames) == (None, 2, len(found.recipe))
    after = [time for time in times(found) if time >= 23]
    assert after[:4] == [23, Fraction(47, 2), Fraction(99, 4), 26]  # a field of a cut frame, then even steps
    place = times(found).index(Fraction(23))
    assert found.recipe.actions[place] == PictureAction.TOP_ALONE
    assert counts_of(found).single_fields == 3  # also at the end of either run


def test_mixed_parts_keep_their_times() -> None:
    found = scanned(pairings("progressive", 20) + pairings("interlaced", 10) + pairings("3:2", 20))
    whole, fields, film = times(found)[:20], times(found)[20:40], times(found)[40:]
    assert whole == list(range(20))
    assert fields == [20 + Fraction(number, 2) for number in range(20)]
    assert film == [30 + Fraction(5, 4) * number for number in range(16)]
    assert found.recipe.actions[20:24].tolist() == [PictureAction.TFF_FIRST, PictureAction.TFF_SECOND] * 2
    assert (counts_of(found).progressive, counts_of(found).interlaced, counts_of(found).film) == (20, 10, 20)
    assert found.timeline.nominal_rate in {NTSC, FILM}


def test_fields_can_give_one_frame_per_picture() -> None:
    found = scanned(pairings("progressive", 20) + pairings("interlaced", 10), per_picture=1)
    assert (found.timeline.rate, found.timeline.num_frames) == (NTSC, 30)
    assert found.recipe.actions[20:].tolist() == [PictureAction.TFF_FIRST] * 10


def test_in_film_too_short_to_follow_combed_pictures_are_deinterlaced() -> None:
    found = scanned(pairings("progressive", 20) + pairings("3:2", 10) + pairings("progressive", 20))
    actions: dict[int, list[int]] = {int(picture): [] for picture in found.recipe.pictures}
    for picture, action in zip(found.recipe.pictures.tolist(), found.recipe.actions.tolist(), strict=True):
        actions[picture].append(action)
    fields = [PictureAction.TFF_FIRST, PictureAction.TFF_SECOND]
    assert [actions[picture] for picture in range(20, 25)] == [[AS_IS], [AS_IS], fields, fields, [AS_IS]]


def test_a_combed_picture_inside_film_is_made_of_one_field() -> None:
    shown = pairings("3:2", 40)
    measures = rows(shown)
    measures[20] = rows([Pairing.UNKNOWN, Pairing.FIELDS])[1]  # where the rhythm has a whole frame
    found = scanned_pictures(constant(40), surveyed(measures), (), frames_per_picture=2)
    assert found.recipe.actions[found.recipe.pictures == 20].tolist() == [PictureAction.TOP_ALONE]
    assert (counts_of(found).combed, found.timeline.rate, found.timeline.num_frames) == (1, FILM, 32)


def test_times_follow_pictures_of_varying_duration() -> None:
    ticks = np.array([0, 10, 20, 40, 50], np.int64)
    timeline = SourceTimeline(tick_s=Fraction(1, 100), ticks=ticks, end=60, rate=None, nominal_rate=Fraction(10))
    shown = [Pairing.FIELDS] * 5
    found = scanned_pictures(timeline, surveyed(rows(shown)), (), frames_per_picture=2)
    assert [int(tick) * found.timeline.tick_s for tick in found.timeline.ticks] == [
        Fraction(tick, 100) for tick in (0, 5, 10, 15, 20, 30, 40, 45, 50, 55)
    ]
