"""The partition: every pair and every output frame in exactly one chunk."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.plan.chunk_size import MAX_PAIRS, MIN_PAIRS, pairs_per_chunk
from slomo_batch.plan.chunks import partition


def _named(*place: int) -> str:
    return "-".join(map(str, place))


counts_per_pair = st.lists(st.integers(0, 5), max_size=60).map(lambda counts: [1, *counts])
"""Output frames in each pair; the first pair always owns output frame 0."""


@settings(deadline=None)
@given(counts=counts_per_pair, size=st.integers(1, 70))
def test_every_pair_and_every_frame_belongs_to_exactly_one_chunk(counts: list[int], size: int) -> None:
    chunks = partition(np.cumsum([0, *counts]), pairs_per_chunk=size, identify=_named)
    pairs = [pair for chunk in chunks for pair in range(chunk.first_pair, chunk.end_pair)]
    frames = [frame for chunk in chunks for frame in range(chunk.first_frame, chunk.end_frame)]
    assert pairs == list(range(len(counts)))
    assert frames == list(range(sum(counts)))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))


@settings(deadline=None)
@given(counts=counts_per_pair, size=st.integers(1, 70))
def test_chunks_are_cut_at_multiples_of_the_size_unless_one_would_be_empty(counts: list[int], size: int) -> None:
    chunks = partition(np.cumsum([0, *counts]), pairs_per_chunk=size, identify=_named)
    owning = {start for start in range(0, len(counts), size) if sum(counts[start : start + size])}
    assert {chunk.first_pair for chunk in chunks} == owning
    assert all(chunk.first_frame == sum(counts[: chunk.first_pair]) for chunk in chunks)


def test_a_chunk_is_named_by_its_own_place() -> None:
    chunks = partition(np.array([0, 4, 8, 12]), pairs_per_chunk=2, identify=_named)
    assert [chunk.chunk_id for chunk in chunks] == ["0-2-0-8", "2-3-8-12"]


def test_a_chunk_size_of_no_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        partition(np.array([0, 4]), pairs_per_chunk=0, identify=_named)


@pytest.mark.parametrize(
    ("width", "height", "pairs"), [(640, 360, 93), (1280, 720, 46), (1920, 1080, 31), (3840, 2160, 15)]
)
def test_the_size_of_chunks_is_what_the_rule_says_at_4x(width: int, height: int, pairs: int) -> None:
    assert pairs_per_chunk(width, height, Fraction(4)) == pairs


@settings(deadline=None)
@given(
    width=st.integers(2, 16384),
    height=st.integers(2, 16384),
    times=st.fractions(Fraction(1, 10), Fraction(64)),
)
def test_the_size_of_chunks_is_bounded_and_falls_as_pictures_grow(width: int, height: int, times: Fraction) -> None:
    pairs = pairs_per_chunk(width, height, times)
    assert MIN_PAIRS <= pairs <= MAX_PAIRS
    assert pairs_per_chunk(width * 2, height, times) <= pairs
    assert pairs_per_chunk(width, height, times * 2) <= pairs
