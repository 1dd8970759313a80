"""Super SloMo as an interpolator: padding, batches, threads and out-of-memory errors."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.out_of_memory import NO_MEMORY
from slomo_batch.interpolators.superslomo.compact import Compact
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.regions import Region
from slomo_batch.records.plans import FIRST_BATCH_PX
from tests.interpolators.footage import texture


class Watched(Compact):
    """A network that notes how it is called, and can run out of memory."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__(1)
        self.flow_sizes: list[tuple[int, ...]] = []
        self.batches: list[int] = []
        self.failure = failure

    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor, *_: Tensor) -> Tensor:
        if self.failure:
            raise self.failure
        self.flow_sizes.append(tuple(i0_1CHW.shape[-2:]))
        return super().flows(i0_1CHW, i1_1CHW)

    def frames(
        self,
        i0_1CHW: Tensor,
        i1_1CHW: Tensor,
        flows_14HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> Tensor:
        self.batches.append(len(t_B))
        return super().frames(i0_1CHW, i1_1CHW, flows_14HW, t_B, *inputs, region=region)


def model(network: Compact, *, scale: int = 1, threads: int = 1, batch_px: int = FIRST_BATCH_PX) -> SuperSlomo:
    return SuperSlomo(
        network,
        device=torch.device("cpu"),
        precision="fp32",
        flow_scale=Fraction(1, scale),
        threads=threads,
        batch_px=batch_px,
    )


TIMES = [Fraction(k, 8) for k in range(1, 8)]


def test_flow_is_found_once_per_pair_and_all_times_go_together() -> None:
    network = Watched()
    list(model(network).between(texture(30, 40), texture(30, 40), TIMES))
    assert network.flow_sizes == [(32, 48)]
    assert network.batches == [7]


def test_flow_at_a_quarter_is_found_in_a_quarter_of_the_picture() -> None:
    network = Watched()
    list(model(network, scale=4).between(texture(60, 70), texture(60, 70), TIMES))
    assert network.flow_sizes == [(16, 32)]


def test_large_pictures_go_through_in_smaller_batches() -> None:
    network = Watched()
    frames = list(model(network, batch_px=32 * 48 * 3 + 5).between(texture(30, 40), texture(30, 40), TIMES))
    assert network.batches == [3, 3, 1]
    assert len(frames) == 7


def test_a_batch_has_a_frame_however_large_it_is() -> None:
    network = Watched()
    list(model(network, batch_px=1).between(texture(30, 40), texture(30, 40), TIMES[:2]))
    assert network.batches == [1, 1]


@pytest.mark.parametrize(
    "failure",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: ..."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    ],
)
def test_every_way_of_running_out_of_memory_is_one_error(failure: Exception) -> None:
    with pytest.raises(OutOfMemory, match="8x6") as caught:
        list(model(Watched(failure)).between(texture(6, 8), texture(6, 8), TIMES))
    assert caught.value.retryable


def test_torch_itself_runs_out_of_memory_as_is_expected_here() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 58, dtype=torch.uint8)
    assert any(words in str(caught.value).lower() for words in NO_MEMORY)


def test_other_errors_are_bugs_and_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        list(model(Watched(RuntimeError("shapes do not match"))).between(texture(6, 8), texture(6, 8), TIMES))


@pytest.fixture
def threads_restored() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("threads_restored")
def test_the_threads_are_those_of_its_class_whatever_was_set_since() -> None:
    slomo = model(Watched(), threads=2)
    torch.set_num_threads(1)
    list(slomo.between(texture(6, 8), texture(6, 8), TIMES))
    assert torch.get_num_threads() == 2


def test_a_flow_scale_that_is_no_whole_part_is_refused() -> None:
    with pytest.raises(ValueError, match="2/3"):
        SuperSlomo(Compact(1), device=torch.device("cpu"), precision="fp32", flow_scale=Fraction(2, 3), threads=1)
