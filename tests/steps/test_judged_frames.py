"""Frames that the method doubts: blended or held, the same for any chunk and number of pairs at once."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from slomo_batch.interpolators.contract import AnyInterpolator
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.picture import Picture
from slomo_batch.plan.pair_doubts import HELD_FROM
from slomo_batch.settings import Doubt, Interpolate
from slomo_batch.steps.frame_maker import OutputFrame
from slomo_batch.steps.pair_pool import PairPool
from tests.steps.pairs import moving, parts_of
from tests.steps.test_frame_maker import guided

WIDTH, HEIGHT, NUM = 128, 64, 13
TORN = 6
"""The pair between whose frames most of the picture is replaced, which no flow explains."""


def torn() -> list[Picture]:
    """Frames of a pan over a pattern, and from one on over another, with a static overlay."""
    patterns, pictures = [pattern(seed) for seed in (1, 2)], moving(NUM, width=WIDTH, height=HEIGHT)
    for number, picture in enumerate(pictures):
        plane = picture.planes[0]
        plane[:] = patterns[number > TORN][:, number : number + WIDTH]
        plane[8:20, 8:40] = np.arange(32, dtype=np.uint8) // 4 % 2 * 200 + 20
    return pictures


def pattern(seed: int) -> NDArray[np.uint8]:
    """Squares of random brightness, wider than the picture."""
    levels = np.random.default_rng(seed).integers(20, 235, (HEIGHT // 8, WIDTH // 8 + 2), dtype=np.uint8)
    return levels.repeat(8, axis=0).repeat(8, axis=1)


def frames(
    doubt: Doubt, *, cores: int = 1, pairs: range | None = None, method: AnyInterpolator | None = None
) -> list[OutputFrame]:
    interpolate = Interpolate(method="blend", doubt=doubt, cuts="ignore")
    parts = parts_of(torn(), method or Flow(), pairs=pairs, interpolate=interpolate)
    return list(PairPool(cores).in_order(parts))


def kinds_of(made: Sequence[OutputFrame], pair: int) -> list[str]:
    return [frame.kind for frame in made if frame.pair == pair]


def test_trusted_frames_are_those_of_the_method_and_their_doubt_is_reported() -> None:
    trusted = frames("trust")
    plain = frames("trust", method=WithoutEvidence())
    assert [frame.hash for frame in trusted] == [frame.hash for frame in plain]
    assert {frame.doubt for frame in plain} == {None}
    doubts = {frame.pair: frame.doubt or 0 for frame in trusted if frame.kind == "made"}
    assert doubts[TORN] == max(doubts.values()) >= HELD_FROM > doubts[TORN - 3]
    assert {frame.doubt for frame in trusted if frame.kind == "source"} == {None}


class WithoutEvidence:
    """The same method, without its evidence."""

    def __init__(self) -> None:
        self.between = Flow().between


def test_a_pair_that_is_doubted_as_a_whole_is_held_and_all_others_are_trusted() -> None:
    held, trusted = frames("hold"), frames("trust")
    assert kinds_of(held, TORN) == ["source", "held_in_doubt", "held_in_doubt"]
    sources = {frame.pair: frame.hash for frame in held if frame.kind == "source"}
    assert [frame.hash for frame in held if frame.pair == TORN] == [sources[TORN], sources[TORN], sources[TORN + 1]]
    others = [(one.hash, other.hash) for one, other in zip(held, trusted, strict=True) if one.pair != TORN]
    assert all(one == other for one, other in others)


def test_where_nothing_is_doubted_blending_keeps_all_but_the_overlay() -> None:
    blended, trusted, sources = frames("blend"), frames("trust"), torn()
    pair = 3
    for one, other in zip(blended, trusted, strict=True):
        if one.pair == pair and one.kind == "made":
            inside, whole = np.s_[10:18, 10:38], one.picture.planes[0].astype(int)
            assert np.abs(whole[inside] - sources[pair].planes[0][inside]).max() <= 1, "the overlay is the source's"
            assert np.abs(whole - other.picture.planes[0])[30:, 60:].mean() < 1, "far from it"
    at_tear = [(one, other) for one, other in zip(blended, trusted, strict=True) if one.pair == TORN]
    assert [one.kind for one, _ in at_tear] == ["source", "made", "made"]
    assert all(one.hash != other.hash for one, other in at_tear[1:])


@pytest.mark.parametrize("method", [Flow(), guided(batch_px=WIDTH * HEIGHT)], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("doubt", ["blend", "hold"])
def test_chunks_and_pairs_at_once_change_no_frame_and_no_doubt(doubt: Doubt, method: AnyInterpolator) -> None:
    whole = frames(doubt, method=method)

    def essence(made: Sequence[OutputFrame]) -> list[tuple[str, str, int | None]]:
        return [(frame.hash, frame.kind, frame.doubt) for frame in made]

    assert essence(frames(doubt, method=method, cores=3)) == essence(whole)
    for pairs in (range(2, 7), range(6, 7), range(7, 12)):
        part = frames(doubt, method=method, cores=2, pairs=pairs)
        assert essence(part) == essence([frame for frame in whole if frame.pair in pairs])


@pytest.mark.parametrize("doubt", ["blend", "hold"])
def test_frames_that_are_made_one_by_one_are_the_same(doubt: Doubt, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = frames(doubt)
    monkeypatch.setattr("slomo_batch.steps.frame_maker.AT_ONCE_FRAMES", range(1, 2))
    assert [(one.hash, one.kind, one.doubt) for one in frames(doubt)] == [
        (one.hash, one.kind, one.doubt) for one in at_once
    ]


def test_methods_without_evidence_have_no_doubt() -> None:
    assert {frame.doubt for frame in frames("trust", method=Mci())} == {None}
