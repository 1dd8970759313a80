"""The timeline of fields: a picture's second field is halfway to the next picture."""

from fractions import Fraction

import numpy as np

from slomo_batch.plan.output_grid import output_grid
from slomo_batch.settings import Retime
from slomo_batch.timeline.fields import field_timeline, frame_time_s
from slomo_batch.timeline.index import SourceTimeline, VideoIndex
from slomo_batch.timeline.source_range import frames_in_range


def test_fields_of_a_constant_rate_have_twice_the_rate() -> None:
    rate = Fraction(30000, 1001)
    pictures = SourceTimeline(tick_s=1 / rate, ticks=np.arange(4), end=4, rate=rate, nominal_rate=rate)
    fields = field_timeline(pictures)
    assert fields.ticks.tolist() == list(range(8))
    assert (fields.end, fields.tick_s) == (8, 1 / (2 * rate))
    assert fields.rate == fields.nominal_rate == Fraction(60000, 1001)
    assert fields.duration_s == pictures.duration_s


def test_the_second_field_is_halfway_and_the_last_within_its_own_duration() -> None:
    ticks = np.array([0, 40, 83, 200])
    pictures = SourceTimeline(tick_s=Fraction(1, 1000), ticks=ticks, end=241, rate=None, nominal_rate=Fraction(25))
    fields = field_timeline(pictures)
    assert [tick * fields.tick_s * 1000 for tick in fields.ticks.tolist()] == [
        0,
        20,
        40,
        Fraction(123, 2),
        83,
        Fraction(283, 2),
        200,
        Fraction(441, 2),
    ]
    assert (fields.rate, fields.nominal_rate, fields.duration_s) == (None, Fraction(50), pictures.duration_s)


def test_when_a_field_is_shown_by_the_clock_of_the_source() -> None:
    pts, no = np.array([90, 40, 0, 120]), np.zeros(4, np.bool_)
    index = VideoIndex(
        time_base=Fraction(1, 10), pts=pts, size_bytes=pts, is_keyframe=no, is_discarded=no.copy(), last_duration=0
    )
    assert [frame_time_s(index, frame, 1) for frame in range(4)] == [0, 4, 9, 12]
    assert [frame_time_s(index, frame, 2) * 2 for frame in range(8)] == [0, 4, 8, 13, 18, 21, 24, 27]


def test_a_timecode_counts_pictures() -> None:
    pictures = SourceTimeline(
        tick_s=Fraction(1, 25), ticks=np.arange(100), end=100, rate=Fraction(25), nominal_rate=Fraction(25)
    )
    assert frames_in_range(field_timeline(pictures), start="00:00:01:10", end="2", duration="") == range(70, 100)


def test_a_timecode_in_a_ramp_and_in_a_range_counts_pictures() -> None:
    rate = Fraction(25)
    pictures = SourceTimeline(tick_s=1 / rate, ticks=np.arange(50), end=50, rate=rate, nominal_rate=rate)
    fields = field_timeline(pictures)
    begin = frames_in_range(fields, start="00:00:01:12", end="", duration="").start
    grid = output_grid(fields, Retime(ramp="00:00:01:12 1, 1.9 4"), Fraction(50), "film")
    assert grid.parts[0].end_tick == fields.ticks[begin] == (1 + Fraction(12, 25)) / fields.tick_s
