"""Output frame rates above the limit are errors that name it; all others pass."""

from fractions import Fraction

import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.output_rate import check_output_rate


@pytest.mark.parametrize(
    ("rate", "suffix"),
    [
        (Fraction(1000), ".mkv"),
        (Fraction(60000, 1001), ".mkv"),
        (Fraction(1, 512), ".mkv"),
        (Fraction(2000), ".mp4"),
        (Fraction(10_000), ".mov"),
    ],
)
def test_a_rate_that_the_container_can_count_passes(rate: Fraction, suffix: str) -> None:
    check_output_rate(rate, container_of(suffix), "a.mp4")


@pytest.mark.parametrize(
    ("rate", "suffix", "limit"),
    [
        (Fraction(1001), ".mkv", "at most 1,000 frames/s .*milliseconds.*got 1,001"),
        (Fraction(2000), ".MKV", "at most 1,000"),
        (Fraction(1001), ".webm", "at most 1,000 frames/s .*.webm counts milliseconds"),
        (Fraction(10_001), ".mp4", "at most 10,000 frames/s"),
        (Fraction(1, 2**31), ".mp4", "32-bit"),
        (Fraction("59.94005994005994005994"), ".mp4", "32-bit"),
    ],
)
def test_a_rate_above_the_limit_is_an_error_that_names_it(rate: Fraction, suffix: str, limit: str) -> None:
    with pytest.raises(SourceUnsupported, match=f"a.mp4: .*{limit}.* Set retime.fps"):
        check_output_rate(rate, container_of(suffix), "a.mp4")
