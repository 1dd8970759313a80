"""Times as people write them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.timeline.instants import Instant, parse_instant
from tests.timeline.clocks import FILM, NTSC, NTSC_60, RATES


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", Fraction(0)),
        ("90.5", Fraction(181, 2)),
        ("181/2", Fraction(181, 2)),
        ("1:30.5", Fraction(181, 2)),
        ("0:01:30.5", Fraction(181, 2)),
        ("100:00:00", Fraction(360_000)),
        ("75:00", Fraction(4500)),
    ],
)
def test_seconds_are_exact_whatever_the_rate(text: str, seconds: Fraction) -> None:
    assert {parse_instant(text).at(rate) for rate in RATES} == {seconds}


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:2:3:4:5", "00:60:00:00", "x", "1e3", "1,5", "1/0", "00:00:00;1"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|zero denominator"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "rate", "frame"),
    [
        ("00:00:01:00", Fraction(25), 25),
        ("00:00:01:12", Fraction(25), 37),
        ("00:00:01:00", FILM, 24),
        ("00:00:01:00", Fraction(1000, 33), 30),
        ("01:00:00:00", NTSC, 108_000),
        ("00:01:00;02", NTSC, 1800),
        ("00:00:59;29", NTSC, 1799),
        ("00:10:00;00", NTSC, 17_982),
        ("01:00:00;00", NTSC, 107_892),
        ("00:01:00;04", NTSC_60, 3600),
        ("01:00:00;00", NTSC_60, 215_784),
    ],
)
def test_a_timecode_counts_frames(text: str, rate: Fraction, frame: int) -> None:
    assert parse_instant(text).at(rate) == frame / rate


@pytest.mark.parametrize(
    ("text", "rate", "is_counted"),
    [
        ("00:00:01:24", Fraction(25), True),
        ("00:00:01:25", Fraction(25), False),
        ("00:00:01;02", Fraction(25), False),
        ("00:00:01;02", NTSC, True),
        ("0:00:01.5", Fraction(25), True),
    ],
)
def test_a_video_has_only_the_timecodes_of_its_rate(text: str, rate: Fraction, *, is_counted: bool) -> None:
    assert parse_instant(text).is_counted_at(rate) == is_counted


@given(st.integers(0, 10**6))
def test_drop_frame_timecodes_number_all_frames(number: int) -> None:
    """By the usual rule: numbers 0 and 1 of each minute are left out, except of every tenth."""
    tens, rest = divmod(number, 17_982)
    skipped = 18 * tens + (2 * ((rest - 2) // 1798) if rest >= 2 else 0)
    shown = number + skipped
    code = Instant(seconds=Fraction(shown // 30), frames=shown % 30, is_drop_frame=True)
    assert code.at(NTSC) == number / NTSC
