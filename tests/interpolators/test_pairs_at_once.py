"""Pairs that are interpolated on several threads at once give the same bits."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import pytest
from torch import Tensor

from slomo_batch.interpolators.contract import AnyInterpolator, make_frames
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from tests.interpolators.footage import DEMO_CLIP, rgb_frames

NUM_PAIRS = 6
TIMES = [Fraction(k, 4) for k in (1, 2, 3)]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Tensor, Tensor]]:
    """Pairs of frames that follow one another, RGB in 0 to 1."""
    frames = [frame / 255 for frame in rgb_frames(DEMO_CLIP, start=0, num=NUM_PAIRS + 1, size=(192, 96))]
    return list(pairwise(frames))


def frames_of(method: AnyInterpolator, pair: tuple[Tensor, Tensor]) -> str:
    """A hash of all frames between a pair."""
    whole = hashlib.sha256()
    for frame in make_frames(method, pair, TIMES):
        assert isinstance(frame, Tensor)
        whole.update(frame.numpy().tobytes())
    return whole.hexdigest()


@pytest.mark.parametrize("name", [*shipped_names(), "flow"])
def test_pairs_made_at_once_are_those_made_one_after_another(name: str, pairs: list[tuple[Tensor, Tensor]]) -> None:
    spec = (
        InterpolatorSpec(method="flow", threads=1)
        if name == "flow"
        else InterpolatorSpec(method="superslomo", weights_path=str(shipped_file(name)), threads=1)
    )
    method = open_interpolator(spec)
    one_by_one = [frames_of(method, pair) for pair in pairs]
    assert len(set(one_by_one)) == NUM_PAIRS
    with ThreadPoolExecutor(3) as threads:
        at_once = list(threads.map(lambda pair: frames_of(method, pair), pairs))
    assert at_once == one_by_one
