"""Pairs of several threads on a device: no stream reads or writes what another one is not done with."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import count

import pytest
import torch
from torch import Tensor

from slomo_batch.color.streams import SharedTensor
from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.contract import AnyInterpolator, Held
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.steps.frame_maker import OutputFrame
from slomo_batch.steps.pair_pool import Job
from tests.steps.pairs import FRAMES_PER_PAIR, moving, parts_of
from tests.steps.simulated_gpu import META, Launches, SimulatedGpu, ThereBlend, simulated_gpu

NUM_PAIRS = 4
gpu = pytest.fixture(simulated_gpu)


def make_all(gpu: SimulatedGpu, method: AnyInterpolator) -> None:
    """Make the frames of a chunk, each pair in a thread of its own, watched."""

    def run(job: Job[OutputFrame]) -> list[OutputFrame]:
        with Launches(gpu):
            try:
                return job.run()
            except OutOfMemory:
                return job.run()

    for part in parts_of(moving(NUM_PAIRS + 1, width=67, height=35), method):
        assert isinstance(part, Job)
        with ThreadPoolExecutor(1) as thread:
            assert len(thread.submit(run, part).result()) == FRAMES_PER_PAIR


def guided() -> SuperSlomo:
    return SuperSlomo(Guided(), device=META, precision="bf16", flow_scale=Fraction(1), threads=1)


class FailsOnce(ThereBlend):
    """Runs out of memory in the second pair, after a frame of it was on its way down."""

    def __init__(self) -> None:
        self._calls = count(1)

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        frames = super().between(i0_CHW, i1_CHW, times)
        yield next(frames)
        if next(self._calls) == 2:
            raise OutOfMemory("a pair of frames does not fit into memory")
        yield from frames


def test_a_pair_that_ran_out_of_memory_midway_is_made_again_without_a_race(gpu: SimulatedGpu) -> None:
    make_all(gpu, FailsOnce())
    assert gpu.races == []
    assert len(gpu.waits) == NUM_PAIRS


@pytest.mark.parametrize("method", [ThereBlend, guided])
def test_streams_of_pairs_do_not_race(method: Callable[[], AnyInterpolator], gpu: SimulatedGpu) -> None:
    make_all(gpu, method())
    assert gpu.races == []
    planes = 2 * 3
    doubt = 1
    assert gpu.waits == ([2, planes + doubt] if method is guided else [planes]) * NUM_PAIRS


def without_event(shared: SharedTensor) -> Tensor:
    shared._tensor.record_stream(torch.cuda.current_stream(META))
    return shared._tensor


def without_keeping(shared: SharedTensor) -> Tensor:
    assert shared._computed is not None
    torch.cuda.current_stream(META).wait_event(shared._computed)
    return shared._tensor


@pytest.mark.parametrize(
    ("read", "race"),
    [(without_event, "reads what another stream writes"), (without_keeping, "uses memory that is not kept for it")],
)
def test_a_race_is_found(
    read: Callable[[SharedTensor], Tensor], race: str, gpu: SimulatedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedTensor, "read", read)
    make_all(gpu, ThereBlend())
    assert gpu.races
    assert all(race in found for found in gpu.races)
