"""The start timecode of an output: that of its source, counted in frames of the output's rate (SMPTE ST 12-1)."""

from fractions import Fraction

_NTSC = Fraction(1000, 1001)
_DROP_FRAME_RATES = frozenset({30 * _NTSC, 60 * _NTSC})
TIMECODE_RATES = frozenset({Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)}) | {
    rate * _NTSC for rate in (24, 30, 48, 60)
}
"""Frames per second that a timecode can count."""


def timecode_refusal(timecode: str, rate: Fraction) -> str:
    """Return why a video of `rate` frames per second cannot begin with this timecode, as the end of a sentence; empty
    if it can."""
    if rate not in TIMECODE_RATES:
        return f"{float(rate):g} frames/s is not a rate of timecodes"
    if ";" in timecode and rate not in _DROP_FRAME_RATES:
        return f"drop-frame timecodes count 30000/1001 or 60000/1001 frames/s, and the output has {rate}"
    return ""


def timecode_at(timecode: str, source_rate: Fraction, rate: Fraction) -> str:
    """Return the timecode with its frames counted at the output's rate, of which the timecode is possible.

    10:20:30:05 of 25 frames/s is 10:20:30:10 at 50.
    """
    at = len(timecode) - 2
    frames, counted = int(timecode[at:]), round(rate)
    scaled = frames * counted // max(round(source_rate), 1)
    return f"{timecode[:at]}{min(scaled, counted - 1):02d}"
