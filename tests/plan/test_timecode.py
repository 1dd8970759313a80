"""Start timecodes count frames of the output's rate, if they can."""

from fractions import Fraction

import pytest

from slomo_batch.plan.timecode import timecode_at, timecode_refusal

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("timecode", "source", "rate", "expected"),
    [
        ("10:20:30:05", Fraction(25), Fraction(25), "10:20:30:05"),
        ("10:20:30:05", Fraction(25), Fraction(50), "10:20:30:10"),
        ("10:20:30:24", Fraction(25), Fraction(24), "10:20:30:23"),
        ("00:00:00:23", Fraction(24000, 1001), Fraction(60000, 1001), "00:00:00:57"),
        ("01:00:00;02", NTSC, 2 * NTSC, "01:00:00;04"),
        ("01:00:00:29", Fraction(25), Fraction(25), "01:00:01:04"),
    ],
)
def test_frames_are_counted_at_the_rate_of_the_output(
    timecode: str, source: Fraction, rate: Fraction, expected: str
) -> None:
    assert timecode_refusal(timecode, rate) == ""
    assert timecode_at(timecode, source, rate) == expected


@pytest.mark.parametrize(
    ("timecode", "rate", "skipped", "expected"),
    [
        ("10:20:30:05", Fraction(25), 21, "10:20:31:01"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("01:00:59;29", NTSC, 1, "01:01:00;02"),
        ("01:09:59;29", NTSC, 1, "01:10:00;00"),
        ("00:00:00;00", NTSC, 17_982, "00:10:00;00"),
        ("00:00:00;00", NTSC, 107_892, "01:00:00;00"),
        ("00:00:59;59", 2 * NTSC, 1, "00:01:00;04"),
    ],
)
def test_a_range_begins_as_many_frames_later(timecode: str, rate: Fraction, skipped: int, expected: str) -> None:
    """Drop-frame numbers as in SMPTE ST 12-1: each minute but every tenth leaves out 2 numbers, or 4."""
    assert timecode_at(timecode, rate, rate, skipped / rate) == expected


@pytest.mark.parametrize(
    ("timecode", "rate", "reason"),
    [
        ("10:20:30:05", Fraction(26), "26 frames/s is not a rate of timecodes"),
        ("10:20:30:05", Fraction(25000, 1001), "24.975 frames/s is not a rate of timecodes"),
        ("10:20:30;05", Fraction(30), "drop-frame timecodes count 30000/1001 or 60000/1001 frames/s"),
        ("10:20:30;05", Fraction(24000, 1001), "and the output has 24000/1001"),
    ],
)
def test_other_rates_have_no_timecode(timecode: str, rate: Fraction, reason: str) -> None:
    assert reason in timecode_refusal(timecode, rate)
