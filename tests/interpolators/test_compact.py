"""compact: its size, and that its shipped weights follow motion."""

from fractions import Fraction

import pytest
import torch
from safetensors import safe_open

from slomo_batch.interpolators.contract import Held, make_frames
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.compact import Compact, _pixel_unshuffle
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.warp import exact_warp
from slomo_batch.interpolators.superslomo.weights import load
from tests.interpolators.footage import real_clip, rgb_frames, texture, window_on

COMPACT = [name for name in shipped_names() if load(shipped_file(name)).network == "superslomo-compact"]


def test_it_has_1_9_million_parameters_whatever_the_levels() -> None:
    assert sum(parameter.numel() for parameter in Compact(3).parameters()) == 1_899_052
    assert Compact(3).state_dict().keys() == Compact(5).state_dict().keys()


@pytest.mark.parametrize(("levels", "multiple"), [(1, 16), (3, 64), (4, 128)])
def test_the_levels_decide_which_sizes_it_takes(levels: int, multiple: int) -> None:
    assert Compact(levels).size_multiple() == multiple


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_weights_say_what_they_are(name: str) -> None:
    with safe_open(shipped_file(name), framework="pt") as file:
        assert file.metadata()["network"] == load(shipped_file(name)).network
        assert file.metadata()["licence"] == "MIT"
        assert file.metadata()["name"] == name


@pytest.mark.parametrize("name", COMPACT)
def test_its_flow_is_in_full_resolution_pixels_at_half_resolution(name: str) -> None:
    (scene,) = rgb_frames(real_clip("carphone_pristine"), start=3, num=1)
    network = Compact(3)
    network.load_state_dict(load(shipped_file(name)).tensors)
    with torch.inference_mode():
        i0, i1 = (window_on(scene / 255, 20, y, 128, 128)[None] for y in (12, 6))
        flows = network.flows(i0, i1)
    assert flows.shape == (1, 4, 64, 64)
    down_by_six = torch.tensor([0.0, 6.0, 0.0, -6.0])
    torch.testing.assert_close(flows[0, :, 16:-16, 16:-16].flatten(1).median(dim=1).values, down_by_six, rtol=0, atol=1)


@pytest.mark.parametrize("name", shipped_names())
@pytest.mark.parametrize("t", [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)])
def test_what_moves_is_shown_on_its_way(t: Fraction, name: str) -> None:
    scene = texture(160, 200)
    model = open_interpolator(
        InterpolatorSpec(method="superslomo", weights_path=str(shipped_file(name)), pyramid_levels=3, device="cpu")
    )
    i0, i1 = window_on(scene, 20, 16, 128, 128), window_on(scene, 12, 16, 128, 128)
    truth = window_on(scene, 20 - int(8 * t), 16, 128, 128)
    (made,) = make_frames(model, [i0, i1], [t])
    assert not isinstance(made, Held)
    error = (made - truth)[:, 16:-16, 16:-16].abs().mean()
    blended = (i0 * float(1 - t) + i1 * float(t) - truth)[:, 16:-16, 16:-16].abs().mean()
    assert error < blended / 4


def test_the_exact_warp_fetches_from_where_the_flow_points() -> None:
    ramp = torch.arange(16.0)[None, None, None].expand(1, 1, 8, 16)
    flow = torch.zeros(1, 2, 8, 16)
    flow[:, 0] = 2.5
    expected = (torch.arange(16.0) + 2.5).clamp(max=15)
    torch.testing.assert_close(exact_warp(ramp, flow)[0, 0, 0], expected, rtol=0, atol=1e-5)


def test_its_shuffle_is_pixel_unshuffle() -> None:
    image = texture(12, 20)[None]
    assert torch.equal(_pixel_unshuffle(image, torch.float32), torch.nn.functional.pixel_unshuffle(image, 2))
