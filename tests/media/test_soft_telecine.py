"""Film on DVDs and in transport streams: repeat-field flags are undone, and the plan says so."""

from fractions import Fraction

import pytest

from tests.clips.film import made
from tests.clips.telecine import telecined
from tests.media.sources import Opened

FILM = [2 + frame % 2 for frame in range(40)]


@pytest.mark.parametrize("suffix", [".vob", ".ts", ".mkv"])
def test_film_with_repeat_flags_is_even_at_24000_1001(suffix: str) -> None:
    found = Opened.of("film", made(telecined(FILM, suffix))).probe
    assert found.timeline.rate == Fraction(24000, 1001)
    assert found.timeline.ticks.tolist() == list(range(40))
    assert found.timeline.duration_s == Fraction(40 * 1001, 24000)
    assert "soft telecine: frames are spaced evenly at 24000/1001 frames/s" in found.facts.oddities[0]


def test_a_video_that_is_partly_film_is_named() -> None:
    found = Opened.of("mixed", made(telecined([*[2] * 20, *FILM], ".ts"))).probe
    assert found.timeline.rate is None
    assert found.timeline.nominal_rate == Fraction(24000, 1001)
    assert found.facts.num_frames == 60
    assert "soft telecine in 40 of 60 frames" in found.facts.oddities[0]


def test_video_without_repeat_flags_stays_at_its_rate() -> None:
    found = Opened.of("video", made(telecined([2] * 40, ".vob"))).probe
    assert found.timeline.rate == Fraction(30000, 1001)
    assert found.facts.oddities == ()


def test_joined_parts_of_film_keep_its_rate() -> None:
    part = made(telecined(FILM, ".vob"))
    found = Opened.of("joined", part + part).probe
    assert found.timeline.rate == Fraction(24000, 1001)
    assert found.timeline.ticks.tolist() == list(range(80))
