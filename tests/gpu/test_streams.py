"""What one stream computes is read by others when it is there."""

from concurrent.futures import ThreadPoolExecutor

import torch

from slomo_batch.color.streams import SharedTensor, own_stream, wait_for_device
from slomo_batch.color.transfers import to_cpu, to_device
from tests.gpu.devices import on_devices, only_cuda

ROUNDS = {"cpu": 2, "cuda": 200}


def slow_ones(device: torch.device) -> torch.Tensor:
    """Ones, which take some milliseconds on a GPU."""
    side = 2048 if device.type == "cuda" else 64
    product = torch.eye(side, device=device)
    for _ in range(20):
        product = product @ product
    return torch.ones(1 << 16, device=device) * product[0, 0]


@on_devices
def test_a_tensor_of_another_stream_has_its_values(device: str) -> None:
    there = torch.device(device)

    def share(_number: int) -> SharedTensor:
        with own_stream(there):
            return SharedTensor(slow_ones(there))

    def summed(shared: SharedTensor) -> float:
        with own_stream(there):
            (sums,) = to_cpu(shared.read().sum())
            return float(sums)

    with ThreadPoolExecutor(2) as makers, ThreadPoolExecutor(3) as readers:
        for _ in range(ROUNDS[device]):
            shared = list(makers.map(share, range(2)))
            assert set(readers.map(summed, [*shared, *shared])) == {1 << 16}


@on_devices
def test_page_locked_memory_is_used_again_only_after_its_copy(device: str) -> None:
    there = torch.device(device)
    with own_stream(there):
        slow_ones(there)
        sent = [to_device(torch.full((1 << 16,), number, dtype=torch.int16), there) for number in range(50)]
        came = to_cpu(*sent)
    for number, tensor in enumerate(came):
        assert torch.equal(tensor, torch.full((1 << 16,), number, dtype=torch.int16))
    wait_for_device(there)


@only_cuda
def test_threads_have_streams_of_their_own() -> None:
    there = torch.device("cuda")
    with ThreadPoolExecutor(1) as thread, own_stream(there):
        mine = torch.cuda.current_stream(there)
        with own_stream(there):
            assert torch.cuda.current_stream(there) == mine

        def current() -> torch.cuda.Stream:
            with own_stream(there):
                return torch.cuda.current_stream(there)

        assert thread.submit(current).result() != mine
