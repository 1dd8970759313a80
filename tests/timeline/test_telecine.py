"""Film whose frames last 2 and 3 fields in turn gets evenly spaced frames again; nothing else does."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.timeline.index import SourceTimeline, source_timeline
from slomo_batch.timeline.telecine import MixedTelecine, find_telecine
from tests.timeline.clocks import FILM, MILLISECOND, NTSC_60, index_of, rounded

DVD = Fraction(1, 90_000)
CLOCKS = st.sampled_from([MILLISECOND, DVD, Fraction(1, 10**6)])
ROUNDING = st.sampled_from(["nearest", "down", "up"])


def of_fields(
    durations: Sequence[int], time_base: Fraction = DVD, field_rate: Fraction = NTSC_60, how: str = "nearest"
) -> SourceTimeline:
    """The timeline of frames that last so many fields."""
    begins = np.cumsum([0, *durations]).tolist()
    return source_timeline(index_of(rounded(field_rate, begins, time_base, how=how), time_base))


@settings(deadline=None)
@given(st.integers(12, 300), st.integers(0, 1), CLOCKS, ROUNDING)
def test_film_is_exactly_24000_1001(num: int, phase: int, time_base: Fraction, how: str) -> None:
    timeline = of_fields([2 + (frame + phase) % 2 for frame in range(num)], time_base, how=how)
    assert timeline.rate == timeline.nominal_rate == FILM
    assert timeline.ticks.tolist() == list(range(num + 1))
    assert timeline.num_film == num + 1


def test_film_of_24_frames_on_50_fields_is_exactly_24() -> None:
    """As made for PAL: every twelfth frame lasts 3 fields."""
    timeline = of_fields([3 if frame % 12 == 11 else 2 for frame in range(60)], field_rate=Fraction(50))
    assert timeline.rate == 24
    assert timeline.ticks.tolist() == list(range(61))


@pytest.mark.parametrize("at", range(10, 14))
def test_a_cut_in_the_rhythm_is_still_film(at: int) -> None:
    """An edit may leave two frames of 2 fields, or of 3, one after the other."""
    rhythm = [2 + frame % 2 for frame in range(48)]
    timeline = of_fields(rhythm[:at] + rhythm[at + 1 :])
    assert timeline.rate == FILM


@settings(deadline=None)
@given(st.integers(24, 60), st.integers(24, 200), CLOCKS)
def test_film_within_video_is_spaced_evenly_and_the_video_keeps_its_times(
    num_film: int, num_video: int, time_base: Fraction
) -> None:
    durations = [*[2] * num_video, *([3, 2] * num_film), *[2] * num_video]
    timeline = of_fields(durations, time_base)
    assert timeline.rate is None
    assert timeline.tick_s == 1 / (2 * NTSC_60)
    steps = np.diff(timeline.ticks).tolist()
    first = num_video - 1  # the frame of 2 fields before the first of 3 fits the rhythm
    assert steps[:first] == [4] * first
    assert set(steps[first : num_video + 2 * num_film]) == {5}
    assert timeline.num_film == 2 * num_film + 2
    stored = np.cumsum([0, *durations])
    assert np.abs(timeline.ticks - 2 * stored).max() <= 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=8))
def test_frames_never_drift_from_their_fields_however_often_the_rhythm_changes(cuts: list[int]) -> None:
    durations = [duration for cut in cuts for duration in [*([3, 2] * 12), *[2] * cut]]
    begins = np.cumsum([0, *durations])
    found = find_telecine(rounded(NTSC_60, begins.tolist(), DVD), DVD)
    assert found is not None
    if isinstance(found, MixedTelecine):
        assert np.abs(found.ticks - 2 * begins).max() <= 1
    else:
        assert np.ptp(found.grid * 5 - 2 * begins) <= 2


@pytest.mark.parametrize(
    "durations",
    [[2] * 40, [2, 3] * 2, ([2] * 6 + [3] * 6) * 4, [1, 2, 3] * 10, [2, 4] * 20, [2] * 40 + [3, 2, 3, 2, 3]],
    ids=["video", "too few", "another rhythm", "fields alone", "gaps", "a few long frames"],
)
def test_other_videos_are_not_film(durations: list[int]) -> None:
    assert of_fields(durations).num_film == 0


@given(st.lists(st.integers(500, 9000), min_size=1, max_size=60))
def test_times_off_the_grid_of_fields_are_not_film(steps: list[int]) -> None:
    pts = np.cumsum([0, *steps])
    found = find_telecine(pts, DVD)
    assert found is None or set(np.round(np.array(steps) / 1501.5).tolist()) <= {2.0, 3.0}
