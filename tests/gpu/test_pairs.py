"""Whole pairs on a device, from planes to planes, several at once."""

import time
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.blend import Blend
from slomo_batch.interpolators.duplicate import Duplicate
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.picture import Picture
from slomo_batch.steps.pair_pool import Job
from tests.gpu.devices import needs_gpu, on_devices, only_cuda
from tests.interpolators.test_matched import unsettled
from tests.steps.pairs import frames_of, moving, parts_of


def compact(device: str) -> SuperSlomo:
    network = load(shipped_file("compact-3")).build_network()
    return SuperSlomo(network, device=torch.device(device), precision="fp32", flow_scale=Fraction(1), threads=1)


def matched(device: str) -> SuperSlomo:
    return SuperSlomo(unsettled(), device=torch.device(device), precision="fp32", flow_scale=Fraction(1), threads=1)


def paper(device: str) -> SuperSlomo:
    torch.manual_seed(1)
    return SuperSlomo(Paper(), device=torch.device(device), precision="fp32", flow_scale=Fraction(1), threads=1)


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return moving(9, width=131, height=67, pixel_format="yuv422p10le")


@on_devices
@pytest.mark.parametrize("method", [Blend, Duplicate])
def test_methods_of_plain_arithmetic_make_the_frames_of_the_cpu(
    method: type[Blend | Duplicate], device: str, pictures: list[Picture]
) -> None:
    there = type("There", (method,), {"device": torch.device(device)})()
    assert frames_of(pictures, there, cores=3) == frames_of(pictures, method(), cores=1)


@on_devices
@pytest.mark.parametrize("network", [compact, matched, pytest.param(paper, marks=needs_gpu)])
def test_any_number_of_pairs_at_once_and_a_second_run_make_the_same_frames(
    network: Callable[[str], SuperSlomo], device: str, pictures: list[Picture]
) -> None:
    alone = frames_of(pictures, network(device), cores=1)
    assert len({shown for _, shown in alone}) == len(alone)
    method = network(device)
    for cores in (1, 2, 5):
        assert frames_of(pictures, method, cores=cores) == alone


@only_cuda
@pytest.mark.parametrize("network", [compact, matched, paper])
def test_no_operation_of_a_pair_waits(network: Callable[[str], SuperSlomo], pictures: list[Picture]) -> None:
    """By torch's own tool, which knows the operations that synchronize, but not the waits for an event."""
    method = network("cuda")
    frames_of(pictures, method, cores=1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for part in parts_of(pictures, method):
            assert isinstance(part, Job)
            part.run()
    finally:
        torch.cuda.set_sync_debug_mode("default")


class Greedy(Paper):
    """Takes a share of the memory of a GPU while it finds flow."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._num_bytes = int(share * torch.cuda.get_device_properties(0).total_memory)

    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor, *_: Tensor) -> Tensor:
        taken = torch.empty(self._num_bytes, dtype=torch.uint8, device=i0_1CHW.device)
        time.sleep(0.2)  # so that several pairs hold theirs
        del taken
        return super().flows(i0_1CHW, i1_1CHW)


def greedy(share: float) -> SuperSlomo:
    torch.manual_seed(1)
    cuda = torch.device("cuda")
    return SuperSlomo(Greedy(share), device=cuda, precision="fp32", flow_scale=Fraction(1), threads=1)


@only_cuda
def test_pairs_that_ran_out_of_memory_together_are_made_again_and_are_the_same(pictures: list[Picture]) -> None:
    failures = torch.cuda.memory_stats().get("num_ooms", 0)
    assert frames_of(pictures, greedy(0.4), cores=4) == frames_of(pictures, paper("cuda"), cores=1)
    assert torch.cuda.memory_stats()["num_ooms"] > failures


@only_cuda
def test_a_pair_that_never_fits_fails_and_later_ones_are_the_same(pictures: list[Picture]) -> None:
    expected = frames_of(pictures, paper("cuda"), cores=2)
    with pytest.raises(OutOfMemory, match="131x67"):
        frames_of(pictures, greedy(1.5), cores=2)
    assert frames_of(pictures, paper("cuda"), cores=2) == expected
