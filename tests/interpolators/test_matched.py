"""matched: it finds the flow itself, and makes the same frames whole, in tiles, and however many at a time."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.contract import make_frames
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.matching import RADIUS, WIDE, better_of, correlation, lucas_kanade
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.interpolators.superslomo.weights import describe, load
from tests.interpolators.footage import texture, window_on


def unsettled(num_scales: int = 1, *, keeps_edges: bool = False) -> Matched:
    """With random weights in its last layers too, so that everything it computes matters."""
    torch.manual_seed(5)
    network = Matched(num_scales, keeps_edges=keeps_edges)
    for layer in (network.fc.o, network.at.o, network.dec.o):
        torch.nn.init.normal_(layer.weight, std=0.02)
    return network


def model(network: Matched, **options: int) -> SuperSlomo:
    return SuperSlomo(
        network, device=torch.device("cpu"), precision="fp32", flow_scale=Fraction(1), threads=1, **options
    )


def pair(height: int, width: int) -> list[Tensor]:
    """A pan by a few pixels."""
    scene = texture(height + 8, width + 8)
    return [window_on(scene, x, y, width, height) for x, y in ((0, 0), (5, 2))]


# ---- its parts -------------------------------------------------------------------------------------------------------


def test_the_comparison_is_highest_at_the_shift_of_the_features() -> None:
    features = torch.randn(1, 32, 12, 16, generator=torch.Generator().manual_seed(1))
    compared = correlation(features, features.roll((1, -2), dims=(2, 3)))
    assert compared.shape == (1, (2 * RADIUS + 1) ** 2, 12, 16)
    best = compared[..., 3:-3, 3:-3].argmax(dim=1)
    assert best.eq((RADIUS + 1) * (2 * RADIUS + 1) + RADIUS - 2).all()


@pytest.mark.parametrize("shift", [(0.4, 0.0), (-0.3, 0.5), (0.0, 0.0)])
def test_a_step_of_lucas_and_kanade_finds_a_shift_below_a_pixel(shift: tuple[float, float]) -> None:
    scene = torch.nn.functional.avg_pool2d(texture(68, 84)[None], 5, 1)
    flow = torch.tensor(shift)[None, :, None, None].expand(1, 2, 64, 80)
    moved = exact_warp(scene, -flow)
    step = lucas_kanade(scene, moved)
    assert step.shape == (1, 2, 32, 40)
    found = step[..., 4:-4, 4:-4].flatten(2).median(dim=2).values[0]
    torch.testing.assert_close(found, torch.tensor(shift), rtol=0, atol=0.1)


def test_the_other_flow_is_taken_where_it_fits_clearly_better_in_a_wide_neighborhood() -> None:
    flow, other = torch.zeros(1, 2, 40, 40), torch.ones(1, 2, 40, 40)
    misfit, misfit_of_other = torch.full((1, 1, 40, 40), 0.2), torch.full((1, 1, 40, 40), 0.19)
    assert not better_of(flow, misfit, other, misfit_of_other).any(), "a little better is not enough"
    misfit_of_other[..., 20:] = 0.1
    taken = better_of(flow, misfit, other, misfit_of_other)
    assert taken[..., 20 + WIDE :].all()
    assert not taken[..., : 20 - WIDE].any()
    misfit_of_other.fill_(0.19)[..., 20, 20] = 0.0
    assert not better_of(flow, misfit, other, misfit_of_other).any(), "one vector of 81 is not enough"


# ---- the whole -------------------------------------------------------------------------------------------------------


def test_it_has_two_u_nets_of_half_a_million_parameters_each() -> None:
    sizes = {name: sum(one.numel() for one in part.parameters()) for name, part in Matched().named_children()}
    assert sizes == {"enc": 122_808, "dec": 41_140, "fc": 495_782, "at": 496_504}
    assert Matched().size_multiple() == 32


@pytest.mark.parametrize("keeps_edges", [False, True])
@pytest.mark.parametrize(("size", "num_scales"), [((1, 1), 3), ((17, 70), 1), ((64, 96), 1), ((131, 300), 3)])
def test_any_size_passes(size: tuple[int, int], num_scales: int, keeps_edges: bool) -> None:
    i0, i1 = texture(*size), texture(*size, seed=2)
    network = unsettled(num_scales, keeps_edges=keeps_edges)
    frames = list(make_frames(model(network), [i0, i1], [Fraction(1, 3), Fraction(2, 3)]))
    assert [cast("Tensor", frame).shape for frame in frames] == [i0.shape, i0.shape]


def test_each_frame_is_the_same_however_many_are_made_at_once() -> None:
    times = [Fraction(number, 4) for number in (1, 2, 3)]
    one, all_ = (
        torch.stack(
            [cast("Tensor", frame) for frame in make_frames(model(unsettled(), batch_px=px), pair(64, 96), times)]
        )
        for px in (1, 1 << 20)
    )
    torch.testing.assert_close(one, all_, rtol=0, atol=1e-5)


@pytest.mark.parametrize("keeps_edges", [False, True])
def test_tiles_join_to_nearly_the_whole_frame(keeps_edges: bool) -> None:
    network = unsettled(keeps_edges=keeps_edges)
    whole, tiled = (
        cast("Tensor", next(iter(make_frames(model(network, tile_px=px), pair(320, 448), [Fraction(1, 2)]))))
        for px in (0, 1 << 16)
    )
    assert (whole - tiled).abs().mean() < 1e-3
    assert not torch.equal(whole, tiled)


def test_its_weights_are_named_in_the_header_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    tensors = unsettled().state_dict()
    save_file(tensors, path, {"network": "superslomo-matched"})
    assert isinstance(load(path).build_network(), Matched)
    save_file(tensors | {"dec.sharp": torch.zeros(2)}, path, {"network": "superslomo-matched"})
    with pytest.raises(WeightsError, match=r"dec\.sharp has shape \(2,\) instead of \(\)"):
        load(path)


# ---- scales ----------------------------------------------------------------------------------------------------------


def test_at_three_scales_it_finds_what_moves_too_far_for_one() -> None:
    scene = torch.nn.functional.interpolate(texture(60, 120)[None], size=(480, 960), mode="bicubic")[0].clamp(0, 1)
    i0, true, i1 = (window_on(scene, x, 20, 512, 320) for x in (0, 48, 96))
    weights = load(shipped_file("matched-1")).tensors
    errors = []
    for num_scales in (1, 3):
        network = Matched(num_scales)
        network.load_state_dict(weights)
        (frame,) = make_frames(model(network), [i0, i1], [Fraction(1, 2)])
        errors.append(float((cast("Tensor", frame) - true)[..., 100:-100].abs().mean()))
    assert errors[0] > 0.1
    assert errors[1] < 0.001


def test_the_header_says_at_how_many_scales(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    named = {"network": "superslomo-matched"}
    for header, number in ((named, 1), (named | {"num_scales": "3"}, 3)):
        save_file(unsettled().state_dict(), path, header)
        network = load(path).build_network()
        assert isinstance(network, Matched)
        assert network.num_scales == number
        assert f"scales: {number}" in describe(path)


@pytest.mark.parametrize("stated", ["0", "9", "three", "-1", "1.0"])
def test_a_number_of_scales_that_makes_no_sense_is_refused(stated: str, tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    save_file(unsettled().state_dict(), path, {"network": "superslomo-matched", "num_scales": stated})
    with pytest.raises(
        WeightsError, match=r"invalid entry `num_scales`.*expected 1 or 2 or 3 or 4 or 5 or 6 or 7 or 8"
    ):
        load(path)


def test_weights_of_another_network_have_no_number_of_scales(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    save_file(dict(load(shipped_file("compact-3")).tensors), path, {"network": "superslomo-guided", "num_scales": "3"})
    with pytest.raises(WeightsError, match=r"of superslomo-guided.*no such entry"):
        load(path)


# ---- edges -----------------------------------------------------------------------------------------------------------


def test_at_the_edges_of_what_moves_a_network_that_keeps_them_is_nearer_to_the_truth() -> None:
    scene, square = (
        torch.nn.functional.interpolate(one[None], scale_factor=4, mode="bicubic")[0].clamp(0, 1)
        for one in (texture(64, 80), texture(24, 24, seed=2))
    )
    i0, true, i1 = (scene.clone() for _ in range(3))
    for picture, left in ((i0, 60), (true, 76), (i1, 92)):
        picture[:, 80:176, left : left + 96] = square
    weights = load(shipped_file("matched-3")).tensors
    errors = []
    for keeps_edges in (False, True):
        network = Matched(3, keeps_edges=keeps_edges)
        network.load_state_dict(weights)
        (frame,) = make_frames(model(network), [i0, i1], [Fraction(1, 2)])
        errors.append(float((cast("Tensor", frame) - true).square().mean()))
    assert errors[1] < 0.7 * errors[0]


def test_a_caption_stands_still_in_a_pan() -> None:
    scene, caption = (
        torch.nn.functional.interpolate(one[None], scale_factor=4, mode="bicubic")[0].clamp(0, 1)
        for one in (texture(64, 96), texture(8, 32, seed=2))
    )
    i0, true, i1 = (window_on(scene, x, 0, 320, 256).clone() for x in (0, 12, 24))
    for picture in (i0, true, i1):
        picture[:, 200:232, 96:224] = caption
    inside = (..., slice(204, 228), slice(100, 220))
    errors = []
    for name in ("matched-3", "matched-4"):
        network = load(shipped_file(name)).build_network()
        assert isinstance(network, Matched)
        (frame,) = make_frames(model(network), [i0, i1], [Fraction(1, 2)])
        errors.append(float((cast("Tensor", frame) - true)[inside].abs().mean()))
    assert errors[1] < 0.01
    assert errors[1] < errors[0] / 5


def test_the_header_says_whether_it_keeps_edges(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    named = {"network": "superslomo-matched"}
    for header, kept in (
        (named, False),
        (named | {"keeps_edges": "false"}, False),
        (named | {"keeps_edges": "true"}, True),
    ):
        save_file(unsettled().state_dict(), path, header)
        network = load(path).build_network()
        assert isinstance(network, Matched)
        assert network.keeps_edges == kept
        assert f"keeps edges: {'yes' if kept else 'no'}" in describe(path)


def test_another_word_for_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    save_file(unsettled().state_dict(), path, {"network": "superslomo-matched", "keeps_edges": "yes"})
    with pytest.raises(WeightsError, match=r"invalid entry `keeps_edges`.*expected false or true, got yes"):
        load(path)
