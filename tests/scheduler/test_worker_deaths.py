"""Decisions of the worker pool that need no Ray."""

import pytest

from slomo_batch.scheduler.worker_deaths import HAND_BACK_S, is_late


@pytest.mark.parametrize(
    ("goes_in_s", "late"), [(120.0, False), (HAND_BACK_S + 0.5, False), (HAND_BACK_S - 0.5, True), (-10.0, True)]
)
def test_a_chunk_is_taken_back_shortly_before_its_machine_leaves(goes_in_s: float, late: bool) -> None:
    now_s = 1_800_000_000.0
    assert is_late(int((now_s + goes_in_s) * 1000), now_s) is late


def test_a_machine_that_leaves_at_an_unknown_time_keeps_its_chunks() -> None:
    assert not is_late(0, 1_800_000_000.0)
