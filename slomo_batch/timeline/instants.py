"""Instants in a video as people write them: seconds, minutes and hours, or timecodes."""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from slomo_batch.timeline.rates import parse_rational

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?|[0-9]{1,9}/[0-9]{1,9}")
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2}(?:\.[0-9]{1,9})?)")
_TIMECODE = re.compile(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2})([:;])([0-9]{2,3})")
EXAMPLES = '90.5, "1:30.5" or a timecode such as "00:01:30:12"'
"""Forms of an instant, for messages."""
DROP_FRAME_RATES = frozenset({Fraction(30_000, 1001), Fraction(60_000, 1001)})
"""Frames per second that drop-frame timecodes count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A time from the first frame of a video, in seconds and, for a timecode, in frames."""

    seconds: Fraction
    """Whole seconds, for a timecode."""
    frames: int | None = None
    """Frames after these seconds; None if it is not a timecode."""
    is_drop_frame: bool = False
    """Whether the timecode leaves out numbers, which keeps it near the clock at 30000/1001 and 60000/1001 frames/s."""

    def at(self, rate: Fraction) -> Fraction:
        """Seconds from the first frame, exact, in a video of `rate` frames per second, which counts this instant."""
        if self.frames is None:
            return self.seconds
        per_second = _frames_per_second(rate)
        number = int(self.seconds) * per_second + self.frames
        if self.is_drop_frame:
            minutes = int(self.seconds) // 60
            number -= per_second // 15 * (minutes - minutes // 10)
        return number / rate

    def is_counted_at(self, rate: Fraction) -> bool:
        """Whether a video of `rate` frames per second has this instant: any time, but not any timecode."""
        if self.frames is None:
            return True
        return self.frames < _frames_per_second(rate) and (not self.is_drop_frame or rate in DROP_FRAME_RATES)


def _frames_per_second(rate: Fraction) -> int:
    """How many frames a timecode counts for each of its seconds."""
    return max(floor(rate + Fraction(1, 2)), 1)


def parse_instant(text: str) -> Instant:
    """Parse seconds (90, 90.5, 181/2), minutes or hours (1:30.5, 0:01:30), or a timecode (00:01:30:12, 00:01:30;12).

    Raises:
        ValueError: the text is none of these.
    """
    if _SECONDS.fullmatch(text):
        return Instant(seconds=parse_rational(text))
    if (clock := _CLOCK.fullmatch(text)) and Fraction(clock[3]) < 60:
        return Instant(seconds=60 * (60 * int(clock[1] or 0) + int(clock[2])) + Fraction(clock[3]))
    if (code := _TIMECODE.fullmatch(text)) and int(code[2]) < 60 and int(code[3]) < 60:
        seconds = Fraction(3600 * int(code[1]) + 60 * int(code[2]) + int(code[3]))
        return Instant(seconds=seconds, frames=int(code[5]), is_drop_frame=code[4] == ";")
    raise ValueError(f"{text!r} is not a time")
