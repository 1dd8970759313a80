"""Repeated pictures are found in measurements alone, and the others are spaced."""

from fractions import Fraction
from itertools import accumulate, cycle, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.timeline.cadences import find_repeats, without_repeats
from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.recipe import Recipe, SurveyedPictures
from slomo_batch.timeline.repeats import Changes

MOTION, NOISE = 30.0, 3.0
RATE = Fraction(30)


def changes(durations: list[int], *, motion: float = MOTION, noise: float = NOISE, seed: int = 1) -> Changes:
    """Measurements of pictures that are shown so many times each; both vary by a third."""
    chance = np.random.default_rng(seed)
    is_new = np.concatenate([[True, *[False] * (shown - 1)] for shown in durations])
    block = np.where(is_new, motion, noise) * chance.uniform(2 / 3, 4 / 3, len(is_new))
    block[0] = 0
    return Changes(
        block=block.astype(np.float32), mean=(block / 20).astype(np.float32), is_new=np.arange(len(is_new)) == 0
    )


def pictures(number: int) -> SurveyedPictures:
    timeline = SourceTimeline(tick_s=1 / RATE, ticks=np.arange(number), end=number, rate=RATE, nominal_rate=RATE)
    return SurveyedPictures(recipe=Recipe.as_decoded(number), timeline=timeline)


def retimed(durations: list[int], **how: float) -> SurveyedPictures:
    return without_repeats(pictures(sum(durations)), changes(durations, **how))  # type: ignore[arg-type]


def times(made: SurveyedPictures) -> list[Fraction]:
    """Times of the pictures that are left, in pictures of the video."""
    return [int(tick) * made.timeline.tick_s * RATE for tick in made.timeline.ticks]


def pattern(*durations: int, pictures: int = 40) -> list[int]:
    return list(islice(cycle(durations), pictures))


CADENCES = {
    "twos": (pattern(2), Fraction(2)),
    "threes": (pattern(3), Fraction(3)),
    "24 in 30": (pattern(1, 1, 1, 2), Fraction(5, 4)),
    "24 in 60": (pattern(2, 3), Fraction(5, 2)),
    "24 in 60, the other way": (pattern(2, 3, 3, 2), Fraction(5, 2)),
    "24 in 25": (pattern(*[1] * 23, 2, pictures=96), Fraction(25, 24)),
    "30 in 50": (pattern(2, 2, 1), Fraction(5, 3)),
}


@pytest.mark.parametrize("name", CADENCES)
def test_pictures_of_a_cadence_are_spaced_evenly(name: str) -> None:
    durations, step = CADENCES[name]
    made = retimed(durations)
    assert len(made.recipe) == len(durations)
    assert made.num_repeats == sum(durations) - len(durations)
    assert made.recipe.pictures.tolist() == [0, *accumulate(durations[:-1])]
    assert times(made) == [number * step for number in range(len(durations))]
    assert made.timeline.rate == RATE / step
    assert made.timeline.nominal_rate == RATE
    assert made.timeline.duration_s == sum(durations) / RATE


def test_elsewhere_pictures_keep_the_instant_at_which_they_first_appear() -> None:
    durations = [1, 1, 1, 4, 1, 2, 1, 1, 1, 3, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    made = retimed(durations)
    assert times(made) == [0, *accumulate(durations[:-1])]
    assert made.timeline.rate is None


def test_a_cadence_begins_and_ends_at_its_pictures() -> None:
    before, within, after = [1] * 20, [2, 3] * 10, [1] * 20
    made = retimed([*before, *within, *after])
    starts = [*range(20), *(20 + Fraction(5, 2) * number for number in range(20)), *range(70, 90)]
    assert times(made) == starts


def test_less_clear_repeats_count_only_in_a_cadence() -> None:
    """Of twos with much noise some are clear. The same amount of noise elsewhere decides nothing."""
    unclear = 7.0
    assert retimed([2] * 40, noise=unclear).num_repeats == 40
    irregular = changes([1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1], noise=3 * unclear)
    assert not find_repeats(irregular)[0].any()


@pytest.mark.parametrize(("shown", "num_left"), [(12, 1), (13, 13)])
def test_a_still_longer_than_twelve_pictures_stays_a_still(shown: int, num_left: int) -> None:
    durations = [*[1] * 8, shown, *[1] * 8]
    for noise in (0.0, NOISE):
        assert len(retimed(durations, noise=noise).recipe) == 16 + num_left


def test_equal_pictures_beside_little_motion_are_repeats() -> None:
    assert retimed([1, 1, 1, 2, 1, 1, 3, 1, 1, 1], motion=1.0, noise=0.0).num_repeats == 3
    assert retimed([1, 1, 1, 2, 1, 1, 3, 1, 1, 1], motion=1.0, noise=0.1).num_repeats == 0


def test_a_video_of_equal_pictures_is_a_still() -> None:
    assert retimed([30], noise=0.0).num_repeats == 0
    assert len(retimed([2], noise=0.0).recipe) == 1
    assert len(retimed([1]).recipe) == 1


def test_a_quiet_shot_between_two_cuts_keeps_its_pictures() -> None:
    found = changes([1] * 40, motion=6.0)
    block, mean = found.block.copy(), found.mean.copy()
    for cut in (15, 24):
        block[cut], mean[cut] = 180.0, 60.0
    assert not find_repeats(Changes(block=block, mean=mean, is_new=found.is_new))[0].any()


def test_copies_of_pictures_that_cannot_be_decoded_are_no_repeats() -> None:
    found = changes([1] * 20)
    block, is_new = found.block.copy(), found.is_new.copy()
    block[7], is_new[7] = 0.0, True
    assert not find_repeats(Changes(block=block, mean=found.mean, is_new=is_new))[0].any()


@given(
    durations=st.lists(st.integers(1, 5), min_size=1, max_size=60),
    motion=st.floats(0, 100),
    noise=st.floats(0, 100),
    seed=st.integers(0, 99),
)
def test_times_rise_and_stay_within_the_video_for_any_measurements(
    durations: list[int], motion: float, noise: float, seed: int
) -> None:
    num_pictures = sum(durations)
    made = without_repeats(pictures(num_pictures), changes(durations, motion=motion, noise=noise, seed=seed))
    assert made.timeline.duration_s == num_pictures / RATE
    assert len(made.recipe) + made.num_repeats == num_pictures
    places = made.recipe.pictures.tolist()
    assert all(abs(time - place) < 1 for time, place in zip(times(made), places, strict=True))
    assert places[0] == 0
