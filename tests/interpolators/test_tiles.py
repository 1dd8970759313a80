"""Frames that are made in tiles are those that are made whole, but for what cannot be seen."""

from collections.abc import Callable
from fractions import Fraction
from typing import cast

import pytest
import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.regions import OVERLAP_PX, Region, spans
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.interpolators.superslomo.weights import load
from tests.interpolators.footage import real_clip, rgb_frames, texture

TIMES = [Fraction(1, 2)]
TILE_PX = 400 * 400


@pytest.mark.parametrize("length", [32, 384, 416, 1088, 1920, 4320, 7680, 16_384])
@pytest.mark.parametrize("longest", [1, 384, 1000, 1024, 1448])
def test_spans_cover_a_row_and_their_weights_add_up_to_one(length: int, longest: int) -> None:
    total_N = torch.zeros(length)
    found = spans(length, longest, 32)
    for span in found:
        assert span.start % 32 == span.end % 32 == 0
        assert span.end - span.start <= max(longest, 2 * OVERLAP_PX + 256)
        total_N[span.start : span.end] += span.weights()
    assert torch.allclose(total_N, torch.ones(length))
    assert len(found) == 1 or length > longest


def test_a_region_is_warped_from_the_whole_picture() -> None:
    image = texture(128, 192)[None]
    flow = texture(128, 192, seed=1)[None, :2] * 300 - 150
    region = Region(top=32, left=64, height=64, width=96)
    found = exact_warp(image, region.of(flow), "bicubic", region)
    assert torch.allclose(found, region.of(exact_warp(image, flow, "bicubic")), atol=1e-5)


def shipped(name: str) -> Network:
    return load(shipped_file(name)).build_network()


def made(network: Network, i0: Tensor, i1: Tensor, tile_px: int) -> Tensor:
    cpu = torch.device("cpu")
    method = SuperSlomo(
        network, device=cpu, precision="fp32", flow_scale=Fraction(1), threads=1, tile_px=tile_px, batch_px=1
    )
    return torch.stack([cast("Tensor", frame) for frame in method.between(i0, i1, TIMES)])


def test_real_motion_is_the_same_in_tiles() -> None:
    first, *_, last = (frame / 255 for frame in rgb_frames(real_clip("bikes"), start=60, num=4))
    whole, tiled = (made(shipped("compact-3"), first, last, tile_px) for tile_px in (0, TILE_PX))
    assert whole.shape[-1] > 400
    assert 0 < float((whole - tiled).abs().max()) < 0.5 / 255


def untrained_paper() -> Network:
    torch.manual_seed(0)
    return Paper()


@pytest.mark.parametrize("network", [untrained_paper, lambda: shipped("compact-1")], ids=["paper", "compact-1"])
def test_every_network_makes_tiles(network: Callable[[], Network]) -> None:
    i0, i1 = texture(64, 416), texture(64, 416).roll(5, 2)
    whole, tiled = (made(network(), i0, i1, tile_px) for tile_px in (0, 1))
    assert 0 < float((whole - tiled).abs().max()) < 0.5 / 255


def test_a_picture_of_one_tile_is_made_whole() -> None:
    i0, i1 = texture(96, 160), texture(96, 160).roll(3, 2)
    whole, tiled = (made(shipped("compact-3"), i0, i1, tile_px) for tile_px in (0, TILE_PX))
    assert torch.equal(whole, tiled)
