"""Times inside the payload of subtitle packets, retimed."""

import re
import struct
from fractions import Fraction

import pytest

from slomo_batch.media.subtitle_times import EventClock, retimed_payload

ASS = "0,0,Default,,0,0,0,{effect},{text}"
DOUBLE = EventClock(start_s=Fraction(1), duration_s=Fraction(2), output_time=lambda source_s: 2 * source_s)


def ass(text: str, effect: str = "", clock: EventClock = DOUBLE) -> str:
    """The text of an event, retimed."""
    made = retimed_payload("ass", ASS.format(effect=effect, text=text).encode(), clock).decode()
    return made.split(",", 8)[8]


@pytest.mark.parametrize(
    ("source", "retimed"),
    [
        (r"{\k20}He{\kf30}l{\ko5\K7}lo", r"{\k40}He{\kf60}l{\ko10\K14}lo"),
        (r"{\fad(100,50)}x", r"{\fad(200,100)}x"),
        (r"{\fade(255,0,128,0,100,1500,2000)}x", r"{\fade(255,0,128,0,200,3000,4000)}x"),
        (r"{\move(1,2,3,4,100,200)}x{\move(1,2,3,4)}", r"{\move(1,2,3,4,200,400)}x{\move(1,2,3,4)}"),
        (r"{\t(100,200,\fs40)\t(0,0,\fs3)\t(1,\fs4)\t(\fs5)}", r"{\t(200,400,\fs40)\t(0,0,\fs3)\t(1,\fs4)\t(\fs5)}"),
        (r"{\t(100,200,1.5,\clip(1,2,3,4))}", r"{\t(200,400,1.5,\clip(1,2,3,4))}"),
        (r"\k20 is text, {\kern20} no tag, a, b", r"\k20 is text, {\kern20} no tag, a, b"),
    ],
)
def test_times_of_ass_effects_follow_the_picture(source: str, retimed: str) -> None:
    assert ass(source) == retimed


def test_a_scrolling_line_moves_more_slowly() -> None:
    made = retimed_payload("ass", ASS.format(effect="Scroll up;10;90;20;0", text="x").encode(), DOUBLE)
    assert made.decode() == ASS.format(effect="Scroll up;10;90;40;0", text="x")


def test_rounding_of_syllables_does_not_add_up() -> None:
    clock = EventClock(start_s=Fraction(0), duration_s=Fraction(9), output_time=lambda source_s: source_s * 3 / 2)
    lengths = [int(length) for length in re.findall(r"\d+", ass(r"{\k3}a" * 100, clock=clock))]
    assert sum(lengths) == 450
    assert set(lengths) == {4, 5}


def test_effects_follow_a_speed_that_changes_within_the_event() -> None:
    def output_time(source_s: Fraction) -> Fraction:
        return source_s if source_s < 2 else 2 + 4 * (source_s - 2)

    clock = EventClock(start_s=Fraction(1), duration_s=Fraction(2), output_time=output_time)
    assert ass(r"{\k100}a{\k100}b{\fad(500,500)}", clock=clock) == r"{\k100}a{\k400}b{\fad(500,2000)}"


@pytest.mark.parametrize(
    ("source", "retimed"),
    [
        ("One <00:00:02.000>two <01:30.500>x", "One <00:00:04.000>two <00:03:01.000>x"),  # 1:30 is not in the cue
        ("One <00:01.500>two <00:02.250>", "One <00:00:03.000>two <00:00:04.500>"),
        ("One <00:00.500>two", "One <00:00:01.000>two"),
        ("<c.red>no time</c> 00:01.500", "<c.red>no time</c> 00:01.500"),
    ],
)
def test_times_within_a_webvtt_cue_keep_their_origin(source: str, retimed: str) -> None:
    assert retimed_payload("webvtt", source.encode(), DOUBLE).decode() == retimed


def test_invalid_utf8_survives() -> None:
    assert retimed_payload("webvtt", b"a\xff <00:01.500>", DOUBLE) == b"a\xff <00:00:03.000>"


def test_delays_of_a_dvd_subpicture_are_longer() -> None:
    first, second = struct.pack(">HH", 0, 10) + b"\x01\xff", struct.pack(">HH", 100, 10) + b"\x02\xff"
    data = struct.pack(">HH", 16, 4) + first + second
    made = retimed_payload("dvd_subtitle", data, DOUBLE)
    assert made == data[:10] + struct.pack(">H", 200) + data[12:]
    assert retimed_payload("dvd_subtitle", data[:7], DOUBLE) == data[:7]


def test_a_dvd_delay_has_a_largest_value() -> None:
    data = struct.pack(">HHHH", 10, 4, 40_000, 4) + b"\x02\xff"
    assert retimed_payload("dvd_subtitle", data, DOUBLE)[4:6] == b"\xff\xff"


@pytest.mark.parametrize(("seconds", "retimed"), [(5, 10), (200, 255)])
@pytest.mark.parametrize("prefix", [b"", b"\x20\x00"])
def test_the_time_out_of_a_dvb_page_is_longer(prefix: bytes, seconds: int, retimed: int) -> None:
    region = b"\x0f\x11\x00\x01\x00\x02\x05\x05"
    data = prefix + region + b"\x0f\x10\x00\x01\x00\x02" + bytes([seconds, 0]) + region
    made = retimed_payload("dvb_subtitle", data, DOUBLE)
    assert made == data.replace(bytes([seconds, 0, 0x0F]), bytes([retimed, 0, 0x0F]))


def test_other_payloads_stay() -> None:
    assert retimed_payload("subrip", b"<00:00.500>{\\k20}", DOUBLE) == b"<00:00.500>{\\k20}"
