"""A pair on a device: from planes to planes the thread waits for the device once, and once more for the prior flow.

The device is simulated by torch's `meta`, whose tensors hold nothing: an operation that needs a value of one fails.
Besides, every operation is watched for those that wait on CUDA.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from slomo_batch.interpolators.contract import AnyInterpolator, Held
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.steps.pair_pool import Job
from tests.steps.pairs import moving, parts_of
from tests.steps.simulated_gpu import META, Launches, SimulatedGpu, ThereBlend, simulated_gpu

gpu = pytest.fixture(simulated_gpu)
WAITING = {
    *("_local_scalar_dense", "item", "is_nonzero", "equal", "allclose", "nonzero", "masked_select", "bincount"),
    *("_unique", "_unique2", "unique_dim", "unique_consecutive"),
}
"""Operations of torch that need a value, or a size, that the device computes."""


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # missing in torch's stubs
    """Fails at an operation that would make the thread wait for a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.operations: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        self.operations.append(name)
        assert name not in WAITING, f"{name} waits for a value"
        result = func(*args, **kwargs)
        before, after = _devices((args, kwargs)), _devices(result)
        is_download = name == "copy_" and kwargs.get("non_blocking", args[2:3])
        assert is_download or not (META in before and META not in after), f"{name} copies from the device and waits"
        if META in after and META not in before:
            # What comes from the CPU comes from page-locked memory, without waiting; other tensors begin there.
            assert not before or kwargs.get("non_blocking"), f"{name} waits for its copy to the device"
        return result


class WatchValues(TorchFunctionMode):
    """Fails where values of Python become a tensor of a device, which is a copy that waits."""

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        assert func not in {torch.tensor, torch.as_tensor} or result.device != META, f"{func.__name__} waits"
        return result


def _devices(values: object) -> set[torch.device]:
    """The devices of all tensors but single values of the CPU, which a kernel gets as arguments."""
    tensors = (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
    return {tensor.device for tensor in tensors if tensor.device == META or tensor.ndim}


class ThereDuplicate(Duplicate):
    device = META


def there(network: Any) -> SuperSlomo:
    return SuperSlomo(network, device=META, precision="bf16", flow_scale=Fraction(1), threads=1)


METHODS: dict[str, Callable[[], AnyInterpolator]] = {
    "compact-3": lambda: there(load(shipped_file("compact-3")).build_network()),
    "matched": lambda: there(Matched(num_scales=3, keeps_edges=True)),
    "paper": lambda: there(Paper()),
    "blend": ThereBlend,
    "duplicate": ThereDuplicate,
}
PLANES = 3
LUMAS = 2


def make_pair(gpu: SimulatedGpu, method: AnyInterpolator, pixel_format: str) -> list[str]:
    """Make the frames of one pair, watched; the operations."""
    pictures = moving(4, width=167, height=135, pixel_format=pixel_format)  # `matched` looks at smaller ones too
    (part,) = parts_of(pictures, method, pairs=range(1, 2))
    assert isinstance(part, Job)
    watch = Watch()
    with Launches(gpu), watch, WatchValues():
        frames = part.run()
    assert [frame.kind for frame in frames] == ["source", "made", "made"]
    return watch.operations


@pytest.mark.parametrize(
    ("name", "pixel_format"),
    [
        ("compact-3", "yuv420p"),
        ("matched", "yuv420p"),
        ("paper", "yuv422p10le"),
        ("blend", "yuv420p"),
        ("blend", "gbrp10le"),
        ("duplicate", "yuv420p"),
    ],
)
def test_a_thread_waits_for_its_frames_once(name: str, pixel_format: str, gpu: SimulatedGpu) -> None:
    operations = make_pair(gpu, METHODS[name](), pixel_format)
    assert "sub_" in operations, "colors are converted under watch"
    assert ("conv2d" in operations) == (name in {"compact-3", "matched", "paper"})
    doubt = int(name in {"compact-3", "matched", "paper"})  # of the pair
    frames_down = [] if name == "duplicate" else [2 * PLANES + doubt]
    prior_down = [LUMAS] if name == "compact-3" else []
    assert gpu.waits == prior_down + frames_down


def item(frame: Tensor) -> Tensor:
    return frame * float(frame.mean())


def by_mask(frame: Tensor) -> Tensor:
    return frame[frame > 0.5]


def to_cpu(frame: Tensor) -> Tensor:
    return frame.cpu()


def from_pageable_memory(frame: Tensor) -> Tensor:
    return frame * torch.ones(3, 1, 1).to(frame.device)


def from_values(frame: Tensor) -> Tensor:
    return frame * torch.tensor([[[1.0]], [[2.0]], [[3.0]]], device=frame.device)


@pytest.mark.parametrize("step", [item, by_mask, to_cpu, from_pageable_memory, from_values])
def test_a_step_that_waits_is_found(step: Callable[[Tensor], Tensor], gpu: SimulatedGpu) -> None:
    class Waits(ThereBlend):
        def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
            return super().between(step(i0_CHW), i1_CHW, times)

    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)):
        make_pair(gpu, Waits(), "yuv420p")
    assert gpu.waits == []
