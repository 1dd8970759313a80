"""Out of memory on a GPU, where torch raises an error and where it does not. The allocator's count of failures is
replaced; errors of the CPU are tested in test_inference.py."""

import pytest
import torch

from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators import out_of_memory
from slomo_batch.interpolators.out_of_memory import check_algorithms, out_of_memory_mapped


class Allocator:
    def __init__(self) -> None:
        self.failures = 0

    def fail(self) -> None:
        self.failures += 1
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch) -> Allocator:
    allocator = Allocator()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda: {"num_ooms": allocator.failures})
    monkeypatch.setattr(out_of_memory, "_failures", out_of_memory._Failures())
    return allocator


def test_after_an_error_frames_are_made_again(allocator: Allocator) -> None:
    for _ in range(3):
        with pytest.raises(OutOfMemory, match="a pair of frames does not fit"), out_of_memory_mapped(4, 2):
            allocator.fail()
        check_algorithms()


def test_a_failure_that_torch_hides_stops_this_process(allocator: Allocator) -> None:
    check_algorithms()
    allocator.failures += 1  # torch tries the next algorithm
    for _ in range(2):
        with pytest.raises(OutOfMemory, match="with another one frames would differ"):
            check_algorithms()
    with pytest.raises(OutOfMemory, match="a pair of frames"), out_of_memory_mapped(4, 2):
        allocator.fail()
    with pytest.raises(OutOfMemory, match="with another one"):
        check_algorithms()


def test_no_algorithm_at_all_is_for_want_of_memory_only_if_memory_ran_out(allocator: Allocator) -> None:
    def convolve(failures: int) -> None:
        with out_of_memory_mapped(4, 2):
            allocator.failures += failures
            raise RuntimeError("GET was unable to find an engine to execute this computation")

    with pytest.raises(RuntimeError, match="unable to find an engine"):
        convolve(0)
    with pytest.raises(OutOfMemory):
        convolve(5)
    check_algorithms()


def test_without_a_gpu_there_is_nothing_to_check() -> None:
    check_algorithms()
