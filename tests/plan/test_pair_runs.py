"""Runs of pairs: they count every frame and every pair, whatever the order, and stay small."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.plan.pair_runs import counts_of, joined, runs_of
from slomo_batch.records.commits import FrameCounts, FrameKind
from slomo_batch.serialization import to_json
from slomo_batch.timeline.retiming import OutputGrid

KINDS: tuple[FrameKind, ...] = ("made", "held_at_cut", "held_repeat")
PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from(KINDS)), min_size=1, max_size=30)


def _frames(pairs: list[tuple[int, int, FrameKind]]) -> list[tuple[int, FrameKind]]:
    frames: list[tuple[int, FrameKind]] = []
    for number, (source, others, kind) in enumerate(pairs):
        frames += [(number, "source") for _ in range(source)]
        frames += [(number, kind) for _ in range(others)]
    return frames


@given(PAIRS)
def test_runs_say_what_each_pair_has(pairs: list[tuple[int, int, FrameKind]]) -> None:
    runs = runs_of(_frames(pairs), range(len(pairs)))
    listed = [(run.source, run.others, run.kind) for run in runs for _ in range(run.pairs)]
    assert listed == [(source, others, kind if others else "source") for source, others, kind in pairs]
    assert all(replace(first, pairs=second.pairs) != second for first, second in pairwise(runs))


@given(PAIRS, st.integers(0, 30))
def test_runs_do_not_depend_on_where_chunks_begin(pairs: list[tuple[int, int, FrameKind]], border: int) -> None:
    frames, border = _frames(pairs), min(border, len(pairs))
    left = runs_of([one for one in frames if one[0] < border], range(border))
    right = runs_of([one for one in frames if one[0] >= border], range(border, len(pairs)))
    assert joined((*left, *right)) == runs_of(frames, range(len(pairs)))


def test_counts_are_those_of_the_frames() -> None:
    frames: list[tuple[int, FrameKind]] = [(0, "source"), (0, "made"), (0, "made"), (1, "held_at_cut"), (3, "source")]
    runs = runs_of(frames, range(4))
    assert counts_of(runs) == FrameCounts(source=2, made=2, held_at_cut=1)
    assert sum(run.pairs for run in runs) == 4


@pytest.mark.parametrize(
    "frames", [[(4, "made")], [(0, "made"), (0, "source")], [(0, "made"), (0, "held_repeat")]], ids=str
)
def test_frames_that_no_plan_has_are_an_error(frames: list[tuple[int, FrameKind]]) -> None:
    with pytest.raises(ValueError, match="pair"):
        runs_of(frames, range(3))


@pytest.mark.parametrize("rate", [24, 25, 30, 50])
def test_three_hours_at_60_frames_per_second_are_under_5_mb(rate: int) -> None:
    """Tried on the tenth of it: the runs repeat each second."""
    num_frames, tick_s = rate * 3 * 360, Fraction(1, rate)
    grid = OutputGrid(rate=Fraction(60), slowdown=Fraction(1), num_frames=3 * 360 * 60)
    times = grid.frame_times(np.arange(num_frames), tick_s, 0, range(grid.num_frames))
    frames: list[tuple[int, FrameKind]] = [(time.pair, "made" if time.t else "source") for time in times]
    runs = runs_of(frames, range(num_frames))
    assert len(to_json([[run.pairs, run.source, run.others, run.kind] for run in runs])) < 500_000
