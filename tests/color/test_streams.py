"""Streams: what is started on which, and what waits for what. CUDA is replaced by a record of the calls it would get;
tests/gpu runs the same code on a GPU."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from slomo_batch.color.streams import SharedTensor, own_stream, wait_for_device

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Stream:
    """A stream that records which events it waits for."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.num_events = device, 0
        self.awaited: list[tuple[Stream, int]] = []

    def record_event(self) -> "tuple[Stream, int]":
        self.num_events += 1
        return self, self.num_events

    def wait_event(self, event: "tuple[Stream, int]") -> None:
        self.awaited.append(event)


class OnGpu(Tensor):
    """A tensor that says it is on a GPU, and records which streams its memory is kept for."""

    kept_for: list[Stream]

    @property
    def device(self) -> torch.device:  # type: ignore[override]  # an attribute in torch's stubs
        return CUDA

    def record_stream(self, s: object) -> None:
        assert isinstance(s, Stream)
        self.kept_for.append(s)


def on_gpu(*values: float) -> OnGpu:
    tensor = torch.tensor(values).as_subclass(OnGpu)
    tensor.kept_for = []
    return tensor


class Current(threading.local):
    def __init__(self) -> None:
        self.stream = Stream(CUDA)


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> Current:
    """The current stream of each thread."""
    current = Current()

    @contextmanager
    def selected(stream: Stream) -> Iterator[None]:
        before, current.stream = current.stream, stream
        yield
        current.stream = before

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", selected)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: current.stream)
    return current


def test_each_thread_has_one_stream_of_its_own(current: Current) -> None:
    together = threading.Barrier(3)

    def streams(_number: int) -> list[Stream]:
        together.wait()
        used = [current.stream]
        for _ in range(2):
            with own_stream(CUDA):
                used.append(current.stream)
        return [*used, current.stream]

    with ThreadPoolExecutor(3) as threads:
        of_threads = list(threads.map(streams, range(3)))
    for before, first, second, after in of_threads:
        assert first is second
        assert before is after is not first
    assert len({first for _, first, _, _ in of_threads}) == 3


def test_a_reader_waits_for_the_values_and_keeps_the_memory(current: Current) -> None:
    tensor = on_gpu(1, 2)
    with own_stream(CUDA):
        shared = SharedTensor(tensor)
        made_on = current.stream

    def read() -> tuple[Stream, Tensor]:
        with own_stream(CUDA):
            return current.stream, shared.read()

    with ThreadPoolExecutor(1) as threads:
        reader, got = threads.submit(read).result()
    assert got is tensor
    assert reader is not made_on
    assert reader.awaited == [(made_on, 1)]
    assert tensor.kept_for == [reader]


def test_on_the_cpu_nothing_happens() -> None:
    tensor = torch.arange(3)
    with own_stream(CPU):
        assert SharedTensor(tensor).read() is tensor
    wait_for_device(CPU)
