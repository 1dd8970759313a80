"""Limits of the output frame rate, from the container's time base and from what is plausible."""

from fractions import Fraction

from slomo_batch.errors import SourceUnsupported
from slomo_batch.plan.containers import Container

MAX_RATE = Fraction(10_000)
"""Limit of output frames per second. Higher rates come from damaged timestamps."""
_LARGEST_TERM = 2**31 - 1
"""FFmpeg's rationals have numerators and denominators of 32 bits."""
_REMEDY = "Set retime.fps to a lower rate, such as 60."


def check_output_rate(rate: Fraction, container: Container, name: str) -> None:
    """Check the output frame rate of the video `name`.

    Raises:
        SourceUnsupported: the rate is above the limit; the message names it.
    """
    limit = MAX_RATE if container.max_rate is None else min(MAX_RATE, container.max_rate)
    if rate > limit:
        counts = f"{container.suffix} counts milliseconds"
        why = counts if limit < MAX_RATE else "more is usually due to damaged timestamps"
        raise SourceUnsupported(
            "the output frame rate is too high",
            where=name,
            expected=f"at most {float(limit):,.0f} frames/s ({why})",
            got=f"{float(rate):,.0f} frames/s",
            remedy=_REMEDY,
        )
    if max(rate.numerator, rate.denominator) > _LARGEST_TERM:
        raise SourceUnsupported(
            "the output frame rate cannot be written as a fraction of 32-bit numbers",
            where=name,
            got=str(rate),
            remedy=_REMEDY,
        )
