"""Evidence: a method judges its own frames, and doubts those that are wrong."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.contract import AnyInterpolator, JudgedPair, JudgingInterpolator
from slomo_batch.interpolators.doubt import level_of
from slomo_batch.interpolators.evidence import FULL_DOUBT, doubt_of
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import BUILT_IN, open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from tests.interpolators.footage import texture
from tests.interpolators.test_methods import papers

TIMES = (Fraction(1, 4), Fraction(1, 2))


@cache
def shipped(name: str, precision: str = "fp32") -> AnyInterpolator:
    weights = str(shipped_file(name))
    return open_interpolator(
        InterpolatorSpec(method="superslomo", weights_path=weights, precision=precision, device="cpu")  # type: ignore[arg-type]
    )


METHODS: dict[str, Callable[[], AnyInterpolator]] = {
    "flow": Flow,
    "flow at half resolution": lambda: Flow(Fraction(1, 2)),
    "compact-1": lambda: shipped("compact-1"),
    "compact-3": lambda: shipped("compact-3"),
    "compact-3 bf16": lambda: shipped("compact-3", "bf16"),
    "paper": papers,
}


def judged(method: AnyInterpolator, i0: Tensor, i1: Tensor, *, by_region: bool = False) -> JudgedPair:
    assert isinstance(method, JudgingInterpolator)
    return method.judged(i0, i1, TIMES, by_region=by_region)


def appearing() -> tuple[Tensor, Tensor]:
    """A texture, and the same with a square of noise in it that the first frame does not have."""
    i0 = texture(96, 160)
    i1 = i0.clone()
    i1[:, 32:64, 32:64] = torch.rand((3, 32, 32), generator=torch.Generator().manual_seed(1))
    return i0, i1


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("size", [(32, 64), (49, 70)], ids=str)
def test_judged_frames_are_those_of_between_with_a_doubt_for_each_cell(name: str, size: tuple[int, int]) -> None:
    method = METHODS[name]()
    i0 = texture(*size)
    i1 = i0.roll(3, dims=-1)
    expected = list(method.between(i0, i1, TIMES))  # type: ignore[union-attr]  # none of them reads further frames
    cells = -(-size[0] // 4), -(-size[1] // 4)
    for by_region in (False, True):
        pair = judged(method, i0, i1, by_region=by_region)
        assert pair.doubt.shape[1:] == cells
        for made, frame in zip(pair.frames, expected, strict=True):
            assert isinstance(frame, Tensor)
            assert torch.equal(made.frame, frame)
            assert (made.doubt is not None) == by_region
            if made.doubt is not None:
                assert made.doubt.shape == cells
                assert made.doubt.dtype == torch.float32
                assert 0 <= float(made.doubt.min()) <= float(made.doubt.max()) <= 1


@pytest.mark.parametrize("name", ["flow", "compact-3"])
def test_what_appears_is_doubted_and_what_moves_is_not(name: str) -> None:
    pair = judged(METHODS[name](), *appearing(), by_region=True)
    doubts = torch.stack([made.doubt for made in pair.frames if made.doubt is not None])
    assert float(doubts[:, 10:14, 10:14].mean()) > 0.05
    assert float(doubts[:, :, 24:].mean()) < 0.001, "far from it"
    assert float(pair.doubt[1, 10:14, 10:14].mean()) > 0.05
    i0 = texture(96, 160)
    assert int(level_of(judged(METHODS[name](), i0, i0.roll(2, dims=-1)).doubt)) == 0
    assert int(level_of(judged(METHODS[name](), i0, i0).doubt)) == 0


def test_doubt_rises_without_a_step_from_none() -> None:
    evidence = torch.linspace(0, 1, 10_001)
    doubt = doubt_of(evidence)
    assert float(doubt[0]) == 0
    assert float(doubt[-1]) == 1
    assert bool((doubt.diff() >= 0).all())
    assert float(doubt.diff().max()) < 1e-3
    assert float(doubt_of(torch.tensor(FULL_DOUBT))) == 1


def test_the_registry_says_which_methods_have_evidence() -> None:
    spec = InterpolatorSpec(method="superslomo", weights_path=str(shipped_file("compact-3")), device="cpu")
    for method in BUILT_IN.values():
        assert isinstance(method.open(spec), JudgingInterpolator) == method.has_evidence, method.name
