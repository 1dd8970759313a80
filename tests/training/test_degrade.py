"""Degradation of the input frames: independent noise, of the configured strength."""

import numpy as np
import pytest
import torch

from slomo_batch.training.degrade import DegradationConfig, add_noise, degrade_pair, jpeg_compress
from tests.interpolators.footage import texture

NEVER = DegradationConfig(noise_share=0, compression_share=0)
ALWAYS = DegradationConfig(noise_share=1, max_noise=0.05, compression_share=0)


def test_without_shares_nothing_is_done() -> None:
    i0, i1 = texture(20, 30), texture(20, 30, seed=1)
    made = degrade_pair(i0, i1, NEVER, np.random.default_rng(1))
    assert torch.equal(made[0], i0)
    assert torch.equal(made[1], i1)


def test_the_noise_of_the_two_frames_is_independent() -> None:
    scene = texture(120, 120)
    made = degrade_pair(scene, scene, ALWAYS, np.random.default_rng(2))
    first, second = ((image - scene).flatten() for image in made)
    assert first.std() > 0.001
    assert first.std() == pytest.approx(float(second.std()), rel=0.05)
    assert abs(float(torch.corrcoef(torch.stack((first, second)))[0, 1])) < 0.03


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_white_noise_has_the_deviation_asked_and_no_mean(sigma: float) -> None:
    scene = torch.full((3, 100, 100), 0.5)
    off = add_noise(scene, sigma, 0.0, np.random.default_rng(3)) - scene
    assert float(off.std()) == pytest.approx(sigma, rel=0.03)
    assert abs(float(off.mean())) < sigma / 20


@pytest.mark.parametrize("offset", [(0, 0), (3, 5)])
def test_compression_keeps_the_picture_and_loses_more_at_lower_quality(offset: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    scene = (texture(45, 61) + torch.from_numpy(rng.normal(0, 0.05, (3, 45, 61)).astype(np.float32))).clamp(0, 1)
    off = [float((jpeg_compress(scene, quality, offset) - scene).square().mean().sqrt()) for quality in (90, 60, 30)]
    assert off == sorted(off)
    assert off[0] < 0.04 < off[2] < 0.12
    assert jpeg_compress(scene, 50, offset).shape == scene.shape


def test_a_flat_picture_survives_compression() -> None:
    scene = torch.tensor([0.2, 0.5, 0.8])[:, None, None].expand(3, 24, 24)
    torch.testing.assert_close(jpeg_compress(scene, 40, (2, 6)), scene, rtol=0, atol=0.02)


def test_the_grid_of_blocks_moves_with_the_offset() -> None:
    rng = np.random.default_rng(5)
    scene = torch.from_numpy(rng.random((3, 64, 64), dtype=np.float32))
    steps = (jpeg_compress(scene, 10, (0, 3))).diff(dim=2).abs().mean(dim=(0, 1))
    across_borders = steps[4::8].mean()
    assert across_borders > 1.2 * steps[[n for n in range(63) if n % 8 != 4]].mean()
