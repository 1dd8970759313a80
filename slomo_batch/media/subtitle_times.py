"""Retime what is inside the payload of a subtitle packet: times of effects, and of pictures that disappear.

ASS has times of karaoke, motion and fades (libass, ASS file format specification), WebVTT has timestamps within a cue
(W3C WebVTT, 4.2.2), a DVD subpicture has delays of its control sequences, in units of 1024 / 90,000 s, and a DVB page
has a time-out in seconds (ETSI EN 300 743, 7.2.2).
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from slomo_batch.media.picture_subtitles import SPU_TICK_S, dvb_pages

_LONGEST_SPU_DELAY, _LONGEST_TIME_OUT_S = 0xFFFF, 255


@dataclass(frozen=True, slots=True, kw_only=True)
class EventClock:
    """Converts times of one event of a subtitle track. All times are seconds from the event's start.

    An event that begins before the output is cut there: its own times count from the start of the output.
    """

    start_s: Fraction
    """On the source's clock."""
    duration_s: Fraction
    """In the source."""
    output_time: Callable[[Fraction], Fraction]
    """The output's time for a time of the source, both in seconds."""

    def at(self, offset_s: Fraction) -> Fraction:
        """The offset in the output of an offset in the source."""
        begin_s, there_s = self.output_time(self.start_s), self.output_time(self.start_s + offset_s)
        return max(there_s, Fraction(0)) - max(begin_s, Fraction(0))

    @property
    def mean_slowdown(self) -> Fraction:
        """By how much the whole event is slowed down; 1 if it has no duration."""
        if not self.duration_s:
            return Fraction(1)
        return (self.output_time(self.start_s + self.duration_s) - self.output_time(self.start_s)) / self.duration_s

    def at_number(self, number: int, per_s: int) -> int:
        """The same in units of 1 / `per_s` seconds, rounded."""
        return round(self.at(Fraction(number, per_s)) * per_s)


def retimed_payload(codec: str, data: bytes, clock: EventClock) -> bytes:
    """The payload of an event with its own times retimed. What cannot be parsed stays as it is."""
    match codec:
        case "ass":
            return _retimed_text(data, clock, _retimed_ass)
        case "webvtt":
            return _retimed_text(data, clock, _retimed_webvtt)
        case "dvd_subtitle":
            return _retimed_spu(data, clock)
        case "dvb_subtitle":
            return _retimed_dvb(data, clock)
    return data


def _retimed_text(data: bytes, clock: EventClock, retime: Callable[[str, EventClock], str]) -> bytes:
    return retime(data.decode("utf-8", "surrogateescape"), clock).encode("utf-8", "surrogateescape")


# ---- ASS -----------------------------------------------------------------------------------------------------------

_NUM_FIELDS_BEFORE_TEXT, _EFFECT = 8, 7
_NUMBER = r"\s*(-?\d+)\s*"
_OVERRIDES = re.compile(r"\{[^}]*\}")
_KARAOKE = re.compile(r"(\\(?:kf|ko|k|K))(\d+)")
_TRANSFORM = re.compile(rf"(\\t\(){_NUMBER},{_NUMBER}(?=,)")
_MOVE = re.compile(rf"(\\move\((?:[^,()]*,){{4}}){_NUMBER},{_NUMBER}(?=\))")
_FADE = re.compile(rf"(\\fad\(){_NUMBER},{_NUMBER}(?=\))")
_LONG_FADE = re.compile(rf"(\\fade\((?:[^,()]*,){{3}}){_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}(?=\))")
_SCROLL_DELAY = re.compile(r"((?:Banner;|Scroll (?:up|down);[^;]*;[^;]*;)\s*)(\d+)", re.IGNORECASE)


def _retimed_ass(event: str, clock: EventClock) -> str:
    """An event as Matroska stores it: eight fields, then the text."""
    fields = event.split(",", _NUM_FIELDS_BEFORE_TEXT)
    if len(fields) <= _NUM_FIELDS_BEFORE_TEXT:
        return event
    fields[_EFFECT] = _SCROLL_DELAY.sub(lambda m: f"{m[1]}{round(int(m[2]) * clock.mean_slowdown)}", fields[_EFFECT])
    sung = _Karaoke(clock)
    fields[-1] = _OVERRIDES.sub(lambda m: _retimed_overrides(m[0], clock, sung), fields[-1])
    return ",".join(fields)


class _Karaoke:
    """Retimes the syllables of an event. Their ends are rounded, not their lengths, so errors do not add up."""

    def __init__(self, clock: EventClock) -> None:
        self._clock, self._sung = clock, 0

    def syllable(self, match: re.Match[str]) -> str:
        before, self._sung = self._sung, self._sung + int(match[2])
        return f"{match[1]}{self._clock.at_number(self._sung, 100) - self._clock.at_number(before, 100)}"


def _retimed_overrides(tags: str, clock: EventClock, sung: _Karaoke) -> str:
    def milliseconds(match: re.Match[str]) -> str:
        numbers = [int(number) for number in match.groups()[1:]]
        is_whole_event = not any(numbers)  # for \t and \move, zeros mean the whole event
        made = numbers if is_whole_event else [clock.at_number(number, 1000) for number in numbers]
        if not is_whole_event and not any(made):  # all is over before the event is cut
            made[-1] = 1
        return match[1] + ",".join(map(str, made))

    def fade(match: re.Match[str]) -> str:
        until_out = clock.duration_s - Fraction(int(match[3]), 1000)
        fade_out = round((clock.at(clock.duration_s) - clock.at(until_out)) * 1000)
        return f"{match[1]}{clock.at_number(int(match[2]), 1000)},{fade_out}"

    tags = _KARAOKE.sub(sung.syllable, tags)
    tags = _FADE.sub(fade, tags)
    for pattern in (_TRANSFORM, _MOVE, _LONG_FADE):
        tags = pattern.sub(milliseconds, tags)
    return tags


# ---- WebVTT --------------------------------------------------------------------------------------------------------

_INLINE_TIME = re.compile(r"<(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})>")


def _retimed_webvtt(cue: str, clock: EventClock) -> str:
    """The text of a cue. FFmpeg stores its timestamps as in a WebVTT file, on the clock of the file; mkvmerge stores
    them from the start of the cue. They are the former if all of them lie within the cue."""
    times = [_seconds(match) for match in _INLINE_TIME.finditer(cue)]
    on_file_clock = all(clock.start_s <= time <= clock.start_s + clock.duration_s for time in times)

    def retimed(match: re.Match[str]) -> str:
        time_s = _seconds(match)
        made = clock.output_time(time_s) if on_file_clock else clock.at(time_s)
        return f"<{_timestamp(ceil(max(made, Fraction(0)) * 1000))}>"

    return _INLINE_TIME.sub(retimed, cue)


def _seconds(match: re.Match[str]) -> Fraction:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in match.groups())
    return Fraction(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds, 1000)


def _timestamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


# ---- pictures ------------------------------------------------------------------------------------------------------


def _retimed_spu(data: bytes, clock: EventClock) -> bytes:
    """A DVD subpicture: each of its control sequences begins with a delay and the place of the next one."""
    made = bytearray(data)
    at = int.from_bytes(data[2:4], "big")
    while 0 < at <= len(data) - 4:
        delay, following = struct.unpack_from(">HH", data, at)
        retimed = round(clock.at(delay * SPU_TICK_S) / SPU_TICK_S)
        struct.pack_into(">H", made, at, min(retimed, _LONGEST_SPU_DELAY))
        if following <= at:
            break
        at = following
    return bytes(made)


def _retimed_dvb(data: bytes, clock: EventClock) -> bytes:
    """The segments of a DVB display set: those that describe a page begin with its time-out."""
    made = bytearray(data)
    for at in dvb_pages(data):
        made[at + 6] = min(ceil(clock.at(Fraction(data[at + 6]))), _LONGEST_TIME_OUT_S)
    return bytes(made)
