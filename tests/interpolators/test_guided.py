"""guided: it starts from a classical flow, and its nets correct that flow."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.contract import Held, make_frames
from slomo_batch.interpolators.superslomo.guided import Guided, UNetShape, prior_flows
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.synthesis import half_size, pixel_unshuffle
from slomo_batch.interpolators.superslomo.warp import exact_warp, intermediate_flows
from slomo_batch.interpolators.superslomo.weights import load
from tests.interpolators.footage import real_clip, rgb_frames, texture, window_on


def transparent() -> Guided:
    """With features, and last layers that change nothing."""
    network = Guided()
    network.load_state_dict(load(shipped_file("compact-1")).tensors)
    network.zero_last_layers()
    return network


def model(network: Guided, flow_scale: Fraction = Fraction(1)) -> SuperSlomo:
    return SuperSlomo(network, device=torch.device("cpu"), precision="fp32", flow_scale=flow_scale, threads=1)


def panned(width: int = 160, height: int = 128, shift: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """i0, the frame in the middle and i1 of a pan by `shift` pixels."""
    (scene,) = rgb_frames(real_clip("bikes"), start=60, num=1)
    i0, middle, i1 = (window_on(scene / 255, x, 80, width, height) for x in (240, 240 - shift // 2, 240 - shift))
    return i0, middle, i1


def test_it_has_as_many_parameters_as_compact_and_takes_sizes_in_multiples_of_32() -> None:
    assert sum(parameter.numel() for parameter in Guided().parameters()) == 1_899_052
    assert Guided().size_multiple() == 32


NARROW = UNetShape((4, 8, 8, 12), first_kernel=3)


def test_weights_of_any_width_are_built_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(1)
    narrow = Guided(NARROW)
    path = tmp_path / "narrow.safetensors"
    save_file(narrow.state_dict(), path, {"network": "superslomo-guided"})
    built = load(path).build_network()
    assert isinstance(built, Guided)
    i0, _, i1 = panned(64, 64, shift=6)
    expected, found = (list(make_frames(model(network), [i0, i1], [Fraction(1, 3)])) for network in (narrow, built))
    assert torch.equal(*(cast("Tensor", frames[0]) for frames in (expected, found)))


def test_weights_of_two_widths_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(1)
    tensors = Guided().state_dict()
    tensors |= {key: tensor for key, tensor in Guided(NARROW).state_dict().items() if key.startswith("fc.")}
    path = tmp_path / "mixed.safetensors"
    save_file(tensors, path, {"network": "superslomo-guided"})
    with pytest.raises(WeightsError, match=r"at.c0.0.bias has shape \(32,\) instead of \(4,\)"):
        load(path)


@pytest.mark.parametrize("size", [(0, 52, 5, 5), (32, 52, 4, 4)])
def test_weights_of_no_possible_width_are_refused(size: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(Guided().state_dict() | {"fc.c0.0.weight": torch.zeros(size)}, path, {"network": "superslomo-guided"})
    with pytest.raises(WeightsError, match=r"fc\.c0\.0\.weight has shape"):
        load(path)


def test_the_flow_to_begin_with_reaches_far_and_is_in_pixels_at_half_size() -> None:
    i0, _, i1 = panned(shift=24)
    flows = prior_flows(i0[None], i1[None])
    assert flows.shape == (1, 4, 32, 40)
    across = torch.tensor([12.0, 0.0, -12.0, 0.0])
    torch.testing.assert_close(flows[0, :, 8:-8, 10:-10].flatten(1).median(dim=1).values, across, rtol=0, atol=0.1)


@pytest.mark.parametrize("size", [(2, 2), (6, 10), (32, 96), (108, 192)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_half_size_is_torchs_bit_for_bit(size: tuple[int, int], layout: torch.memory_format) -> None:
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)).to(memory_format=layout) * 1.4 - 0.2
    expected = torch.nn.functional.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=False)
    assert torch.equal(half_size(image), expected)


def test_unshuffling_is_that_of_torch() -> None:
    image = torch.rand(2, 3, 6, 10, generator=torch.Generator().manual_seed(1))
    assert torch.equal(pixel_unshuffle(image), torch.nn.functional.pixel_unshuffle(image, 2))


def test_with_its_last_layers_at_zero_it_makes_the_frames_of_the_prior_flow() -> None:
    i0, _, i1 = panned()
    prior = prior_flows(i0[None], i1[None])
    t = torch.tensor([0.25])
    with torch.inference_mode():
        network = transparent()
        flows = network.flows(i0[None], i1[None], prior)
        made = network.frames(i0[None], i1[None], flows, t)
    assert torch.equal(flows, prior)
    to_0, to_1 = (
        torch.nn.functional.interpolate(flow, scale_factor=4, mode="bilinear") * 2
        for flow in intermediate_flows(prior, t)
    )
    expected = 0.75 * exact_warp(i0[None], to_0, "bicubic") + 0.25 * exact_warp(i1[None], to_1, "bicubic")
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(128, 160), (131, 157)])
@pytest.mark.parametrize("flow_scale", [Fraction(1), Fraction(1, 2)])
def test_a_fast_pan_is_shown_on_its_way(size: tuple[int, int], flow_scale: Fraction) -> None:
    i0, middle, i1 = panned(*size)
    (made,) = make_frames(model(transparent(), flow_scale), [i0, i1], [Fraction(1, 2)])
    assert not isinstance(made, Held)
    assert made.shape == i0.shape
    error = (made - middle)[:, 32:-32, 32:-32].abs().mean()
    blended = ((i0 + i1) / 2 - middle)[:, 32:-32, 32:-32].abs().mean()
    assert error < blended / 4


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 70)])
def test_tiny_pictures_pass(size: tuple[int, int]) -> None:
    i0, i1 = texture(*size), texture(*size, seed=2)
    frames = list(make_frames(model(transparent()), [i0, i1], [Fraction(1, 3), Fraction(2, 3)]))
    assert [frame.shape for frame in frames if not isinstance(frame, Held)] == [i0.shape, i0.shape]


def test_gradients_reach_every_weight() -> None:
    network = Guided()
    i0, middle, i1 = (image[None] for image in panned(64, 64, shift=6))
    flows = network.flows(i0, i1, prior_flows(i0, i1))
    frame, flows_t, visibility_t0 = network.synthesis(i0, i1, flows, torch.tensor([0.5]))
    ((frame - middle).square().mean() + flows_t.mean() + visibility_t0.mean()).backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)
