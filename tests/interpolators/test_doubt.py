"""What is done about doubt: weights without a step, frames that keep their bits, and overlays that stay."""

import pytest
import torch

from slomo_batch.interpolators.doubt import Overlay, cross_faded, level_of, weight_of
from tests.interpolators.footage import texture


@pytest.mark.parametrize(("size", "feather_px"), [((144, 160), 2), ((360, 640), 5), ((1080, 640), 16)], ids=str)
def test_a_weight_rises_over_at_least_the_feather(size: tuple[int, int], feather_px: int) -> None:
    height, width = size
    doubt = torch.zeros(height // 4, width // 4)
    doubt[:, width // 8 :] = 1
    row = weight_of(doubt, height, width)[height // 2]
    rising = ((row > 0) & (row < 1)).sum()
    assert int(rising) >= feather_px
    assert float(row.diff().max()) <= 1 / feather_px
    assert float(row[0]) == 0
    assert float(row[-1]) == 1


def test_no_doubt_changes_no_bit_and_full_doubt_is_a_cross_fade() -> None:
    frame, i0, i1 = texture(48, 64), texture(48, 64).flip(1), texture(48, 64).flip(2)
    nowhere, everywhere = (torch.full((12, 16), value) for value in (0.0, 1.0))
    assert torch.equal(cross_faded(frame, i0, i1, 0.25, weight_of(nowhere, 48, 64)), frame)
    assert torch.allclose(cross_faded(frame, i0, i1, 0.25, weight_of(everywhere, 48, 64)), 0.75 * i0 + 0.25 * i1)


def test_an_overlay_keeps_its_bits_and_doubt_counts_more_beside_it() -> None:
    frame, i0, i1 = texture(96, 160), texture(96, 160).flip(1), texture(96, 160).flip(2)
    shown = torch.zeros(96, 160)
    shown[40:50, 60:70] = 1
    at = shown.bool()
    i1[:, at] = i0[:, at]
    doubt = torch.full((24, 40), 0.1)
    plain, guarded = (weight_of(doubt, 96, 160, overlay) for overlay in (None, Overlay.of(shown)))
    assert torch.equal(cross_faded(frame, i0, i1, 0.3, guarded)[:, at], i0[:, at])
    assert float(guarded[45, 71]) == pytest.approx(0.4, abs=0.02)
    assert bool((guarded >= plain).all())
    assert torch.equal(guarded[:, 130:], plain[:, 130:])


def test_the_level_of_a_pair_counts_sixteenths() -> None:
    assert [int(level_of(torch.full((2, 9, 16), value))) for value in (0.0, 0.03, 0.04, 0.5, 1.0)] == [0, 0, 1, 8, 16]
    corner = torch.zeros(1, 20, 20)
    corner[0, :5, :4] = 1
    assert int(level_of(corner)) == 4, "a twentieth of the picture, fully doubted"
