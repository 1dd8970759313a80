"""PSNR of compact-1 on the public ladder, and its time per frame (make bench)."""

import sys
import time
from fractions import Fraction
from statistics import mean

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.contract import AnyInterpolator, Held, make_frames
from slomo_batch.interpolators.device import supported_precision
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from tests.interpolators.footage import real_clip, rgb_frames, texture

SKIPPED, NUM_FRAMES = 20, 17


def compact_1(*, levels: int) -> AnyInterpolator:
    return open_interpolator(
        InterpolatorSpec(
            method="superslomo",
            weights_path=str(shipped_file("compact-1")),
            precision=supported_precision(),
            pyramid_levels=levels,
        )
    )


def predicted(model: AnyInterpolator, i0: Tensor, i1: Tensor, times: list[Fraction]) -> list[Tensor]:
    frames = list(make_frames(model, [i0 / 255, i1 / 255], times))
    return [(frame.clamp(0, 1) * 255).round() for frame in frames if not isinstance(frame, Held)]


def psnr(made: Tensor, truth: Tensor) -> float:
    return float(10 * torch.log10(255**2 / ((made - truth) ** 2).mean()))


def ladder(model: AnyInterpolator, frames: list[Tensor], factor: int) -> float:
    """Mean PSNR where every `factor`-th frame is kept and the others are predicted, the ends left out."""
    times = [Fraction(k, factor) for k in range(1, factor)]
    scores = []
    for first in range(factor, len(frames) - 2 * factor, factor):
        made = predicted(model, frames[first], frames[first + factor], times)
        scores += [psnr(frame, frames[first + k]) for k, frame in enumerate(made, start=1)]
    return mean(scores)


@pytest.mark.bench
@pytest.mark.parametrize(
    ("name", "size", "factor", "levels", "known_db"),
    [
        ("bikes", None, 2, 3, 27.97),
        ("bigbuckbunny", (640, 360), 2, 3, 33.42),
        ("carphone_pristine", None, 2, 3, 31.58),
        ("bikes", None, 2, 4, 29.55),
        ("bikes", None, 4, 3, 21.00),
        ("bigbuckbunny", (640, 360), 4, 3, 30.29),
        ("carphone_pristine", None, 4, 3, 30.58),
    ],
)
def test_compact_1_predicts_as_well_as_when_it_was_trained(
    name: str, size: tuple[int, int] | None, factor: int, levels: int, known_db: float
) -> None:
    """Published for these weights by those who trained them; another number would mean another network."""
    frames = list(rgb_frames(real_clip(name), start=SKIPPED, num=NUM_FRAMES, size=size))
    score = ladder(compact_1(levels=levels), frames, factor)
    sys.stdout.write(f"\n{name} {factor}x, {levels} levels: {score:.2f} dB (known {known_db:.2f})\n")
    assert score == pytest.approx(known_db, abs=0.1)


@pytest.mark.bench
def test_speed_of_a_frame_at_640x360() -> None:
    model, i0, i1 = compact_1(levels=3), texture(360, 640), texture(360, 640).roll(5, dims=2)
    seconds = {}
    for num in (1, 3):
        times = [Fraction(k, num + 1) for k in range(1, num + 1)]
        list(make_frames(model, [i0, i1], times))
        start = time.perf_counter()
        for _ in range(5):
            list(make_frames(model, [i0, i1], times))
        seconds[num] = (time.perf_counter() - start) / 5
    frame_s = (seconds[3] - seconds[1]) / 2
    sys.stdout.write(
        f"\ncompact-1, 640x360, {supported_precision()}, one thread: flow {1000 * (seconds[1] - frame_s):.0f} ms per "
        f"pair, {1000 * frame_s:.0f} ms per frame; a pair at 4x {1000 * seconds[3]:.0f} ms\n"
    )
    assert seconds[3] > seconds[1]
