"""The prior flow: weights state the search for it, and each kind is found as stated."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators import dis, inverse_search
from slomo_batch.interpolators.contract import Held, make_frames
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.guided import Guided, prior_flows
from slomo_batch.interpolators.superslomo.median import median_3x3
from slomo_batch.interpolators.superslomo.prior import PriorSearch
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.synthesis import half_size
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.serialization import to_json
from tests.interpolators.footage import real_clip, rgb_frames, window_on

PLAIN = PriorSearch(refinement_iterations=0)
ON_DEVICE = PriorSearch(kind="dis-device", descent_iterations=12, refinement_iterations=0, median_px=3)


@pytest.fixture(scope="module")
def pan() -> tuple[Tensor, Tensor]:
    """A pan by (24, 8) pixels, [1, 3, 128, 160]."""
    (scene,) = rgb_frames(real_clip("bikes"), start=60, num=1)
    i0, i1 = (window_on(scene / 255, x, y, 160, 128)[None] for x, y in ((240, 80), (216, 72)))
    return i0, i1


def weights_with(header: dict[str, str], folder: Path, name: str = "compact-3") -> Path:
    path = folder / "mine.safetensors"
    save_file(load_file(shipped_file(name)), path, header)
    return path


def guided_with(prior: str, folder: Path) -> Path:
    return weights_with({"network": "superslomo-guided", "prior": prior}, folder)


@pytest.mark.parametrize("name", ["compact-2", "compact-3"])
def test_weights_without_the_entry_search_as_ever(name: str) -> None:
    weights = load(shipped_file(name))
    assert weights.prior == PriorSearch(
        kind="dis-cpu",
        finest_scale=0,
        patch_stride=4,
        descent_iterations=16,
        refinement_iterations=3,
        median_px=1,
    )


@pytest.mark.parametrize("search", [PLAIN, ON_DEVICE, PriorSearch(kind="none")], ids=lambda search: search.kind)
def test_frames_start_from_the_flow_that_the_header_states(
    search: PriorSearch, pan: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    path = guided_with(to_json(search).decode(), tmp_path)
    network = load(path).build_network()
    assert isinstance(network, Guided)
    assert network.prior == search
    with torch.inference_mode():
        prior = prior_flows(*pan, search)
        (expected,) = network.frames(*pan, network.flows(*pan, prior), torch.tensor([0.5]))
    model = open_interpolator(InterpolatorSpec(method="superslomo", weights_path=str(path), device="cpu"))
    (made,) = make_frames(model, [pan[0][0], pan[1][0]], [Fraction(1, 2)])
    assert not isinstance(made, Held)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("search", [PriorSearch(), PLAIN, PriorSearch(finest_scale=1), ON_DEVICE], ids=str)
def test_every_search_finds_a_pan(search: PriorSearch, pan: tuple[Tensor, Tensor]) -> None:
    flow = prior_flows(*pan, search)
    assert flow.shape == (1, 4, 32, 40)
    half = torch.tensor([12.0, 4.0, -12.0, -4.0])
    torch.testing.assert_close(flow[0, :, 8:-8, 10:-10].flatten(1).median(dim=1).values, half, rtol=0, atol=0.1)


def test_no_prior_flow_is_no_motion(pan: tuple[Tensor, Tensor]) -> None:
    assert torch.equal(prior_flows(*pan, PriorSearch(kind="none")), torch.zeros(1, 4, 32, 40))


def test_the_search_on_the_device_is_that_of_the_library(pan: tuple[Tensor, Tensor]) -> None:
    luma = [dis.luma(half_size(image)[0])[None] for image in pan]
    whole = inverse_search.bidirectional_flow(luma[0], luma[1], iterations=12)
    plain = torch.nn.functional.avg_pool2d(whole, 2)
    assert torch.equal(prior_flows(*pan, replace(ON_DEVICE, median_px=1)), plain)
    assert torch.equal(prior_flows(*pan, ON_DEVICE), median_3x3(plain))


def test_each_number_of_a_search_changes_the_flow(pan: tuple[Tensor, Tensor]) -> None:
    changes = (
        {"finest_scale": 1},
        {"patch_stride": 3},
        {"descent_iterations": 2},
        {"refinement_iterations": 1},
        {"median_px": 3},
    )
    flows = [prior_flows(*pan, replace(PLAIN, **change)) for change in ({}, *changes)]  # type: ignore[arg-type]
    for number, flow in enumerate(flows):
        assert not any(torch.equal(flow, other) for other in flows[:number])


def test_the_median_is_that_of_nine_values() -> None:
    x = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(1))
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), "edge"), (3, 3), axis=(2, 3)
    )
    assert np.array_equal(median_3x3(x).numpy(), np.median(around, axis=(4, 5)))


@pytest.mark.parametrize(
    ("prior", "reason"),
    [
        ("dis-cpu", "invalid entry `prior` in the header"),
        ('{"kind": "raft"}', "kind: 'raft' is not one of dis-cpu, dis-device, none"),
        ('{"kind": "dis-cpu", "patches": 8}', "patches: unknown key"),
        ('{"finest_scale": 9}', "finest_scale must be from 0 to 3, got 9"),
        ('{"median_px": 5, "patch_stride": 0}', "patch_stride must be from 1 to 8, got 0; median_px must be 1 or 3"),
        ('{"kind": "dis-device"}', "refinement_iterations must be 0 with dis-device, got 3"),
        ("[]", "invalid entry `prior`"),
    ],
)
def test_a_search_that_cannot_be_used_is_refused_with_the_reason(prior: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        load(guided_with(prior, tmp_path))
    assert reason in str(caught.value)
    assert "mine.safetensors" in str(caught.value)
    assert "newer" in str(caught.value)


def test_a_network_without_a_prior_flow_refuses_the_entry(tmp_path: Path) -> None:
    path = weights_with({"network": "superslomo-compact", "prior": '{"kind": "dis-cpu"}'}, tmp_path, "compact-1")
    with pytest.raises(WeightsError, match=r"superslomo-compact starts from no prior flow.*`prior`"):
        load(path)
    assert load(shipped_file("compact-1")).prior.kind == "none"
