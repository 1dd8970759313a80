"""The search in torch finds known motion, about as well as OpenCV's, in any batch the same, and awaits no device."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from slomo_batch.interpolators import dis
from slomo_batch.interpolators.inverse_search import PATCH_PX, bidirectional_flow
from slomo_batch.interpolators.superslomo.warp import exact_warp
from tests.interpolators.footage import real_clip, rgb_frames, texture

ITERATIONS = 12


def luma(image_CHW: Tensor) -> Tensor:
    return dis.luma(image_CHW)[None]


def search(luma_0_BHW: Tensor, luma_1_BHW: Tensor) -> Tensor:
    with torch.inference_mode():
        return bidirectional_flow(luma_0_BHW, luma_1_BHW, iterations=ITERATIONS)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (3, -2), (-17, 9), (0, 24)])
def test_a_translation_is_found_both_ways(x: int, y: int) -> None:
    (scene,) = (frame / 255 for frame in rgb_frames(real_clip("bikes"), start=60, num=1))
    scene = scene[:, 50:220, 240:430]
    i0, i1 = (luma(scene[:, 30 + v : 130 + v, 30 + u : 150 + u]) for u, v in ((0, 0), (-x, -y)))
    flow = search(i0, i1)[0, :, 28:-28, 28:-28]
    expected = torch.tensor([x, y, -x, -y])[:, None, None].expand_as(flow).float()
    distance = (flow - expected).view(2, 2, *flow.shape[-2:]).norm(dim=1)
    assert distance.median() < 0.02
    assert (distance < 0.25).float().mean() > 0.97


def test_a_zoom_is_found_below_a_pixel() -> None:
    scale = 1.06
    scene = texture(120, 160)[None]
    grid = functional.affine_grid(torch.tensor([[[1 / scale, 0.0, 0], [0, 1 / scale, 0]]]), [1, 3, 120, 160], False)
    zoomed = functional.grid_sample(scene, grid, mode="bicubic", padding_mode="border", align_corners=False)
    flow = search(luma(scene[0]), luma(zoomed[0]))[0, :2, 12:-12, 12:-12]
    x, y = torch.arange(12, 148) - 79.5, torch.arange(12, 108) - 59.5
    expected = torch.stack((x.expand(96, 136), y[:, None].expand(96, 136))) * (scale - 1)
    assert (flow - expected).norm(dim=0).mean() < 0.15


def test_a_change_of_brightness_is_no_motion() -> None:
    i0 = luma(texture(64, 96) * 0.8)
    flow = search(i0, i0 + 20)
    assert flow.abs().max() < 0.01


def test_a_picture_without_texture_does_not_move() -> None:
    flat = torch.full((1, 40, 56), 90, dtype=torch.uint8)
    assert torch.equal(search(flat, flat), torch.zeros(1, 4, 40, 56))


@cache
def footage(name: str, start: int, apart: int, size: tuple[int, int] | None) -> tuple[Tensor, Tensor]:
    frames = list(rgb_frames(real_clip(name), start=start, num=apart + 1, size=size))
    return luma(frames[0] / 255), luma(frames[-1] / 255)


REAL = (("bikes", 60, 1, (320, 136)), ("carphone_pristine", 30, 3, None), ("bigbuckbunny", 25, 2, (320, 180)))


@pytest.mark.parametrize("clip", REAL, ids=lambda clip: clip[0])
def test_real_motion_is_found_about_as_well_as_by_opencv(clip: tuple[str, int, int, tuple[int, int] | None]) -> None:
    i0, i1 = footage(*clip)
    flow = search(i0, i1)
    of_opencv = dis.bidirectional_flow(
        lambda: dis.small_picture_search(
            finest_scale=0, patch_stride=4, descent_iterations=16, refinement_iterations=0
        ),
        i0[0].numpy(),
        i1[0].numpy(),
    )
    distance = (flow - of_opencv).view(2, 2, *flow.shape[-2:]).norm(dim=1)
    assert distance.median() < 0.1
    found, known = (_photometric_error(i0, i1, one) for one in (flow, of_opencv))
    assert found < 1.05 * known


def _photometric_error(i0: Tensor, i1: Tensor, flow_14HW: Tensor) -> float:
    """Mean absolute difference of each picture from the other one, warped onto it, in levels."""
    i0_11HW, i1_11HW = i0[None].float(), i1[None].float()
    from_1 = (exact_warp(i1_11HW, flow_14HW[:, :2]) - i0_11HW).abs().mean()
    from_0 = (exact_warp(i0_11HW, flow_14HW[:, 2:]) - i1_11HW).abs().mean()
    return float(from_0 + from_1) / 2


def test_pairs_in_a_batch_have_the_bits_of_each_alone_at_any_time() -> None:
    pairs = [(luma(texture(71, 93, seed=k)), luma(texture(71, 93, seed=k).roll(k, dims=2))) for k in range(3)]
    alone = [search(*pair) for pair in pairs]
    batch = search(torch.cat([i0 for i0, _ in pairs]), torch.cat([i1 for _, i1 in pairs]))
    assert torch.equal(batch, torch.cat(alone))
    assert torch.equal(search(*pairs[1]), alone[1])


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (8, 8), (33, 17), (35, 61), (64, 65)])
def test_any_size_passes(size: tuple[int, int]) -> None:
    flow = search(luma(texture(*size)), luma(texture(*size, seed=1)))
    assert flow.shape == (1, 4, *size)
    assert flow.isfinite().all()
    assert flow.abs().max() < max(size) + 16 * PATCH_PX


class NoWaiting(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves out the types
    """Fails where an operation reads values of a tensor on the host, or moves a tensor between devices."""

    WAITING = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select", "unique")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # loading it takes seconds, and nothing is compiled

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.num += 1
        name = func.__name__.partition(".")[0]
        assert not name.startswith(self.WAITING), f"{name} waits for the device"
        assert "device" not in (kwargs or {}) or name in {"arange", "new_zeros", "full_like", "zeros"}, f"{name} moves"
        return func(*args, **(kwargs or {}))


def test_nothing_waits_for_the_device() -> None:
    i0, i1 = luma(texture(48, 80)), luma(texture(48, 80).roll(2, dims=2))
    with NoWaiting() as mode:
        bidirectional_flow(i0, i1, iterations=3)
    assert mode.num > 1000
    with pytest.raises(AssertionError, match="_local_scalar_dense waits"), NoWaiting():
        i0.max().item()
