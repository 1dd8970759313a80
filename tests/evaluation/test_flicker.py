"""Flicker by hand, and its response to blur and brightness."""

from math import pi, sqrt

import numpy as np
import pytest

from slomo_batch.evaluation.flicker import LumaStats, flicker, luma_stats
from slomo_batch.evaluation.measures import Rgb8
from tests.evaluation.test_measures import noise


def gray(levels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Rgb8:
    return np.repeat(levels[..., None], 3, axis=2).astype(np.uint8)


def test_a_look_by_hand() -> None:
    ramp = gray(np.tile(np.arange(10) * 4, (6, 1)))
    look = luma_stats(ramp)
    assert look.mean == pytest.approx(18, abs=1e-4)
    assert look.sharpness == pytest.approx((4 + 0) / 2, abs=1e-4)
    assert look.noise == pytest.approx(0, abs=1e-4)
    dot = np.zeros((5, 5), np.int64)
    dot[2, 2] = 90  # the 3 x 3 places around it see 1, 2 and 4 times 90
    assert luma_stats(gray(dot)).noise == pytest.approx(sqrt(pi / 2) / 6 * 90 * 16 / 9, rel=1e-5)
    red = np.zeros((5, 5, 3), np.uint8)
    red[..., 0] = 100
    assert luma_stats(red).mean == pytest.approx(29.9, abs=1e-3)


def test_noise_is_about_its_standard_deviation() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    noisy = np.rint(128 + rng.normal(0, 6, (200, 200))).astype(np.int64)
    assert luma_stats(gray(noisy)).noise == pytest.approx(6, rel=0.05)


def test_neighbors_are_weighed_by_time() -> None:
    i0, i1 = LumaStats(mean=10, sharpness=1, noise=4), LumaStats(mean=20, sharpness=3, noise=0)
    assert flicker(LumaStats(mean=12.5, sharpness=1.5, noise=3), i0, i1, 0.25) == LumaStats(
        mean=0, sharpness=0, noise=0
    )
    assert flicker(LumaStats(mean=12.5, sharpness=1.5, noise=3), i0, i1, 0.5) == LumaStats(
        mean=2.5, sharpness=0.5, noise=1
    )


def test_a_blend_of_frames_that_move_raises_the_gap_of_sharpness_and_an_offset_that_of_the_mean() -> None:
    texture = noise(7, 64, 96)[:, :90]
    i0, i1 = texture, np.roll(texture, 6, axis=1)
    true = np.roll(texture, 3, axis=1)
    looks = luma_stats(i0), luma_stats(i1)
    blend = ((i0.astype(int) + i1) // 2).astype(np.uint8)
    bright = np.clip(true.astype(int) + 5, 0, 255).astype(np.uint8)
    good, blurred, lit = (flicker(luma_stats(frame), *looks, 0.5) for frame in (true, blend, bright))
    assert blurred.sharpness > 10 + good.sharpness
    assert blurred.noise > 10 + good.noise
    assert lit.mean == pytest.approx(5, abs=0.2)
    assert good.mean < 0.01
    assert lit.sharpness < 2
