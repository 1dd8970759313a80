"""Propagation: flow that reaches over the edge of what moves is replaced by that of what lies beside it, or by 0."""

import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.propagation import DISTANCES, propagated
from tests.interpolators.footage import texture

SIDE = 96
SHIFT = 12
"""Pixels that the object moves to the right."""
REACHES = 4
"""Vectors by which its flow reaches over its edges."""


def moved_object() -> tuple[Tensor, Tensor, Tensor]:
    """A square of another texture moves on one that is still: both pictures, and the true flow at half size."""
    i0, i1 = texture(SIDE, SIDE)[None].clone(), texture(SIDE, SIDE)[None].clone()
    square = texture(40, 40, seed=2)[None]
    i0[..., 20:60, 20:60] = square
    i1[..., 20:60, 20 + SHIFT : 60 + SHIFT] = square
    flow = torch.zeros(1, 2, SIDE // 2, SIDE // 2)
    flow[:, 0, 10:30, 10:30] = SHIFT
    return i0, i1, flow


def reaching_over(flow: Tensor) -> Tensor:
    """The flow of the object, wider than it by REACHES on each side."""
    return torch.nn.functional.max_pool2d(flow, 2 * REACHES + 1, 1, REACHES)


def test_flow_that_reaches_over_an_edge_is_replaced_by_that_beside_it() -> None:
    i0, i1, true = moved_object()
    given = reaching_over(true)
    found = propagated(i0, i1, given)
    wrong_before, wrong_after = (int((flow - true).abs().amax(dim=1).gt(1).sum()) for flow in (given, found))
    hidden = torch.zeros(SIDE // 2, SIDE // 2, dtype=torch.bool)
    hidden[8:32, 28:38] = True  # what the object hides in i1 fits nowhere, and may keep any flow
    rest = int((found - true).abs().amax(dim=1)[0][~hidden].gt(1).sum())
    assert wrong_before > 300
    assert wrong_after < wrong_before / 2
    assert rest < 20


def test_a_caption_stands_still_in_a_picture_that_moves() -> None:
    scene = texture(SIDE, SIDE + SHIFT)[None]
    i0, i1 = scene[..., SHIFT:].clone(), scene[..., :-SHIFT].clone()
    caption = texture(24, 48, seed=2)[None]
    i0[..., 60:84, 24:72] = i1[..., 60:84, 24:72] = caption
    flow = torch.zeros(1, 2, SIDE // 2, SIDE // 2)
    flow[:, 0] = SHIFT
    found = propagated(i0, i1, flow)
    assert found[..., 31:41, 13:35].eq(0).all()
    assert found[:, 0, :24, : SIDE // 2 - SHIFT].eq(SHIFT).all()


def test_right_flow_stays_as_it_is() -> None:
    i0, i1, true = moved_object()
    assert propagated(i0, i1, true)[..., :28].equal(true[..., :28])


def test_a_flow_from_farther_away_than_all_distances_is_not_found() -> None:
    scene = texture(SIDE, SIDE + SHIFT)[None]
    i0, i1 = scene[..., SHIFT:], scene[..., :-SHIFT]
    flow = torch.zeros(1, 2, SIDE // 2, SIDE // 2)
    flow[:, 0, :, :3] = SHIFT
    reach = 3 + sum(DISTANCES)
    assert propagated(i0, i1, flow)[..., reach:].eq(0).all()


def test_pictures_that_differ_by_noise_alone_keep_their_flow() -> None:
    generator = torch.Generator().manual_seed(3)
    flat = torch.full((1, 3, SIDE, SIDE), 0.5)
    i0, i1 = (flat + 0.005 * torch.randn(flat.shape, generator=generator) for _ in range(2))
    flow = torch.randn(1, 2, SIDE // 2, SIDE // 2, generator=generator)
    assert propagated(i0, i1, flow).ne(flow).float().mean() < 0.02
