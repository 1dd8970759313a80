"""Each thread has one stream of its own, and the CPU none. How pairs use them is tested in
tests/steps/test_pairs_on_streams.py, and on a GPU in tests/gpu."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from slomo_batch.color.streams import SharedTensor, own_stream, wait_for_device
from tests.steps.simulated_gpu import META, SimulatedGpu, Stream, simulated_gpu

CPU = torch.device("cpu")
gpu = pytest.fixture(simulated_gpu)


def test_each_thread_has_one_stream_of_its_own(gpu: SimulatedGpu) -> None:
    together = threading.Barrier(3)

    def streams(_number: int) -> list[Stream]:
        together.wait()
        used = [gpu.thread.stream]
        for _ in range(2):
            with own_stream(META):
                used.append(gpu.thread.stream)
        return [*used, gpu.thread.stream]

    with ThreadPoolExecutor(3) as threads:
        of_threads = list(threads.map(streams, range(3)))
    for before, first, second, after in of_threads:
        assert first is second
        assert before is after is not first
    assert len({first for _, first, _, _ in of_threads}) == 3


def test_on_the_cpu_nothing_happens() -> None:
    tensor = torch.arange(3)
    with own_stream(CPU):
        assert SharedTensor(tensor).read() is tensor
    wait_for_device(CPU)
