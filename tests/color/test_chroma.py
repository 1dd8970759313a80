"""Chroma is upsampled at the right positions, and upsampling is undone exactly."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from slomo_batch.color.chroma import Phase, downsample, phases, undo_upsample, upsample

PHASES: list[Phase] = ["first", "middle", "second"]
phase_of = st.sampled_from(PHASES)


def numbers(num: int, seed: int) -> Tensor:
    return torch.rand(3, num, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(
    phase=phase_of,
    num=st.integers(1, 40),
    cut=st.integers(0, 1),
    seed=st.integers(0, 99),
    dim=st.sampled_from([-1, -2]),
)
def test_undo_upsample_is_exact_at_every_size(phase: Phase, num: int, cut: int, seed: int, dim: int) -> None:
    chroma = numbers(num, seed) if dim == -1 else numbers(num, seed).T.contiguous()
    fine = upsample(chroma, phase, 2 * num - cut, dim)
    assert fine.shape[dim] == 2 * num - cut
    torch.testing.assert_close(undo_upsample(fine, phase, dim), chroma, rtol=0, atol=2e-6)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("half", [undo_upsample, downsample])
@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_a_flat_plane_stays_flat(phase: Phase, half: Callable[[Tensor, Phase, int], Tensor], size: int) -> None:
    flat = torch.full((2, size), 0.25)
    assert torch.equal(half(flat, phase, -1), torch.full((2, (size + 1) // 2), 0.25))
    assert torch.equal(upsample(flat, phase, 2 * size, -1), torch.full((2, 2 * size), 0.25))


@pytest.mark.parametrize(("phase", "places"), [("first", 0.0), ("middle", 0.5), ("second", 1.0)])
def test_a_ramp_is_interpolated_at_the_chroma_sample_positions(phase: Phase, places: float) -> None:
    """Chroma sample n sits at luma column 2n + place. On a ramp, its value is the number of that column."""
    chroma = torch.arange(8.0)[None] * 2 + places
    fine = upsample(chroma, phase, 16, -1)
    assert torch.equal(fine[0, 2:-2], torch.arange(16.0)[2:-2])


@pytest.mark.parametrize("phase", PHASES)
def test_downsampling_keeps_a_ramp_in_place(phase: Phase) -> None:
    place = {"first": 0.0, "middle": 0.5, "second": 1.0}[phase]
    assert torch.equal(downsample(torch.arange(16.0)[None], phase, -1)[0, 1:-1], torch.arange(8.0)[1:-1] * 2 + place)


def test_downsampling_a_sharp_edge_does_not_ring() -> None:
    edge = torch.tensor([[0.0] * 7 + [1.0] * 9])
    for phase in PHASES:
        reduced = downsample(edge, phase, -1)
        assert reduced.min() >= 0
        assert reduced.max() <= 1


def test_phases_follow_the_six_chroma_locations() -> None:
    assert phases("left") == ("first", "middle")
    assert phases("center") == ("middle", "middle")
    assert phases("topleft") == ("first", "first")
    assert phases("top") == ("middle", "first")
    assert phases("bottomleft") == ("first", "second")
    assert phases("bottom") == ("middle", "second")
