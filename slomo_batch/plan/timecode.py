"""The start timecode of an output: that of its source, counted in frames of the output's rate (SMPTE ST 12-1)."""

from fractions import Fraction

from slomo_batch.timeline.instants import DROP_FRAME_RATES

_NTSC = Fraction(1000, 1001)
TIMECODE_RATES = frozenset({Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)}) | {
    rate * _NTSC for rate in (24, 30, 48, 60)
}
"""Frames per second that a timecode can count."""


def timecode_refusal(timecode: str, rate: Fraction) -> str:
    """Return why a video of `rate` frames per second cannot begin with this timecode, as the end of a sentence; empty
    if it can."""
    if rate not in TIMECODE_RATES:
        return f"{float(rate):g} frames/s is not a rate of timecodes"
    if ";" in timecode and rate not in DROP_FRAME_RATES:
        return f"drop-frame timecodes count 30000/1001 or 60000/1001 frames/s, and the output has {rate}"
    return ""


def timecode_at(timecode: str, source_rate: Fraction, rate: Fraction, skipped_s: Fraction = Fraction(0)) -> str:
    """Return the timecode that many seconds after the source's, with its frames counted at the output's rate, of which
    the timecode is possible.

    10:20:30:05 of 25 frames/s is 10:20:30:10 at 50.
    """
    counted, separator = max(round(source_rate), 1), timecode[-3]
    hours, minutes, seconds, frames = (int(timecode[at : at + 2]) for at in (0, 3, 6, 9))
    dropped = counted // 15 if separator == ";" else 0
    minute = 60 * hours + minutes
    number = (60 * minute + seconds) * counted + frames - dropped * (minute - minute // 10)
    seconds, frames = divmod(_with_dropped(number + round(skipped_s * source_rate), counted, dropped), counted)
    minutes, seconds = divmod(seconds, 60)
    frames = min(frames * round(rate) // counted, round(rate) - 1)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}:{seconds:02d}{separator}{frames:02d}"


def _with_dropped(number: int, counted: int, dropped: int) -> int:
    """The number of a frame when so many numbers are left out at the start of each minute but every tenth."""
    tens, rest = divmod(number, 600 * counted - 9 * dropped)
    minutes = max(rest - dropped, 0) // (60 * counted - dropped)
    return number + dropped * (9 * tens + minutes)
