"""Numbers formatted for people."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.report.units import duration, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90061, "25 h 01 min"),
    ],
)
def test_durations_are_formatted_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("num_bytes", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (10**18, "1000.0 PB")]
)
def test_sizes_are_formatted_for_people(num_bytes: int, words: str) -> None:
    assert size(num_bytes) == words


@settings(deadline=None)
@given(st.integers(0, 10**20))
def test_every_size_can_be_formatted(num_bytes: int) -> None:
    assert size(num_bytes).split(" ")[1] in {"B", "kB", "MB", "GB", "TB", "PB"}
