"""The contract suite, which runs on every method."""

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from functools import cache

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.contract import AnyInterpolator, Held, PairInterpolator, context_of, make_frames
from slomo_batch.interpolators.duplicate import Duplicate, nearest_frames
from slomo_batch.interpolators.flow import Flow
from slomo_batch.interpolators.mci import Mci
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.settings import Precision
from tests.interpolators.footage import texture
from tests.interpolators.weights_files import paper


@cache
def compact(precision: Precision = "fp32", scale: int = 1, levels: int = 3) -> AnyInterpolator:
    spec = InterpolatorSpec(
        method="superslomo",
        weights_path=str(shipped_file("compact-1")),
        precision=precision,
        flow_scale=Fraction(1, scale),
        pyramid_levels=levels,
        device="cpu",
    )
    return open_interpolator(spec)


@cache
def papers(precision: Precision = "fp32") -> PairInterpolator:
    return SuperSlomo(
        deepcopy(paper()), device=torch.device("cpu"), precision=precision, flow_scale=Fraction(1), threads=1
    )


METHODS: dict[str, Callable[[], AnyInterpolator]] = {
    "duplicate": Duplicate,
    "blend": Blend,
    "mci": Mci,
    "flow": Flow,
    "flow at a quarter": lambda: Flow(Fraction(1, 4)),
    "compact": compact,
    "compact bf16": lambda: compact("bf16"),
    "compact, flow at half resolution": lambda: compact(scale=2),
    "compact, flow at a quarter": lambda: compact(scale=4, levels=1),
    "paper": papers,
    "paper bf16": lambda: papers("bf16"),
}
TIMES = [Fraction(1, 7), Fraction(1, 2), Fraction(5, 6)]


@pytest.fixture(params=METHODS, scope="module")
def method(request: pytest.FixtureRequest) -> AnyInterpolator:
    return METHODS[request.param]()


def between(method: AnyInterpolator, i0: Tensor, i1: Tensor, times: list[Fraction]) -> list[Tensor | Held]:
    """What the method makes of a video of two frames."""
    beside = [None] * context_of(method)
    return list(make_frames(method, [*beside, i0, i1, *beside], times))


def tensors(frames: list[Tensor | Held]) -> list[Tensor]:
    return [frame for frame in frames if not isinstance(frame, Held)]


@pytest.mark.parametrize(("height", "width"), [(47, 61), (64, 64), (1, 1), (2, 90)])
def test_there_is_one_frame_per_time_of_the_size_of_the_pair(method: AnyInterpolator, height: int, width: int) -> None:
    frames = between(method, texture(height, width), texture(height, width, seed=1), TIMES)
    assert len(frames) == len(TIMES)
    for frame in tensors(frames):
        assert frame.shape == (3, height, width)
        assert frame.dtype == torch.float32
        assert frame.device.type == "cpu"
        assert torch.isfinite(frame).all()


def test_the_same_pair_gives_the_same_bits_and_is_left_as_it_was(method: AnyInterpolator) -> None:
    i0, i1 = texture(40, 72).clone(), texture(40, 72, seed=1).clone()
    first = between(method, i0, i1, TIMES)
    between(method, i1, i0, TIMES[:1])
    second = between(method, i0, i1, TIMES)
    assert torch.equal(i0, texture(40, 72))
    assert torch.equal(i1, texture(40, 72, seed=1))
    assert len(tensors(first)) == len(tensors(second))
    for one, other in zip(tensors(first), tensors(second), strict=True):
        assert torch.equal(one, other)


def test_times_together_are_as_each_alone_but_for_rounding(method: AnyInterpolator) -> None:
    i0, i1 = texture(40, 72), texture(40, 72, seed=1)
    together = between(method, i0, i1, TIMES)
    alone = [frame for time in TIMES for frame in between(method, i0, i1, [time])]
    for one, other in zip(together, alone, strict=True):
        if isinstance(one, Held) or isinstance(other, Held):
            assert one is other
        else:
            torch.testing.assert_close(one, other, rtol=0, atol=0.02)


def test_duplicate_holds_the_frame_nearest_in_time_and_the_later_of_two() -> None:
    times = [Fraction(1, 3), Fraction(1, 2), Fraction(2, 3)]
    assert list(nearest_frames(times)) == [Held.FIRST, Held.SECOND, Held.SECOND]
    assert list(Duplicate().between(texture(2, 2), texture(2, 2), times)) == list(nearest_frames(times))


def test_blend_is_weighted_by_time_and_leaves_equal_samples_as_they_are() -> None:
    i0, i1 = torch.full((3, 2, 2), 0.2), torch.full((3, 2, 2), 0.6)
    (made,) = tensors(list(Blend().between(i0, i1, [Fraction(1, 4)])))
    torch.testing.assert_close(made, torch.full((3, 2, 2), 0.3))
    image = texture(9, 9)
    for frame in tensors(list(Blend().between(image, image.clone(), TIMES))):
        assert torch.equal(frame, image)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_still_picture_stays_nearly_what_it_is_in_compact(precision: Precision) -> None:
    image = texture(96, 96)
    for frame in tensors(between(compact(precision), image, image.clone(), TIMES)):
        assert (frame - image).abs().mean() < 0.005


def test_bf16_is_near_fp32() -> None:
    i0, i1 = texture(64, 96), texture(64, 96).roll(3, dims=2)
    for exact, near in zip(
        tensors(between(compact(), i0, i1, TIMES)), tensors(between(compact("bf16"), i0, i1, TIMES)), strict=True
    ):
        assert not torch.equal(exact, near)
        assert (exact - near).abs().mean() < 0.01
