"""A GPU that is torch's `meta` device, with streams and events that keep clocks, so that races are found.

Nothing is computed. The calls of CUDA that slomo_batch makes are replaced by clocks: a stream knows how far each other
stream had come when it last waited for it. An operation that reads what another stream wrote, without having waited for
that, is a race. So is one that writes what another stream may still read, and one on memory of another stream that is
not kept for its own (`record_stream`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partialmethod
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from slomo_batch.interpolators.blend import Blend

META = torch.device("meta")


class Clock(dict["Stream", int]):
    """How far each stream is known to have come."""

    def learn(self, other: "Clock") -> None:
        for stream, time in other.items():
            self[stream] = max(time, self.get(stream, 0))


class Stream:
    """A stream, or the thread itself, which also learns what is done."""

    def __init__(self, _device: torch.device | None = None) -> None:
        self.time = 0
        self.clock = Clock()

    def record_event(self) -> "Event":
        event = Event()
        event.record(self)
        return event

    def wait_event(self, event: "Event") -> None:
        self.clock.learn(event.clock)


class Event:
    """A point in the work of a stream."""

    gpu: "SimulatedGpu"

    def __init__(self, *, blocking: bool = False) -> None:  # noqa: ARG002 as in CUDA's
        self.clock = Clock()

    def record(self, stream: Stream) -> None:
        self.clock.learn(stream.clock)

    def synchronize(self) -> None:
        self.gpu.thread.host.clock.learn(self.clock)
        self.gpu.waits.append(self.gpu.thread.num_down)
        self.gpu.thread.num_down = 0


@dataclass
class Memory:
    """What is known of the memory of a tensor and its views."""

    owner: Stream
    written: tuple[Stream, int]
    read: Clock = field(default_factory=Clock)
    kept_for: set[Stream] = field(default_factory=set)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.host, self.stream = Stream(), Stream()
        self.num_down = 0
        """Copies to the CPU since the last wait."""


class SimulatedGpu:
    """The device. `watched` runs work on it."""

    def __init__(self) -> None:
        self.thread = _Thread()
        self.waits: list[int] = []
        """For each wait of a thread: how many copies to the CPU it waited for."""
        self.races: list[str] = []
        self._memories: dict[int, Memory] = {}
        self._lock = threading.Lock()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of CUDA."""
        Event.gpu = self
        for name, replacement in (
            ("Stream", Stream),
            ("Event", Event),
            ("stream", self._use),
            ("current_stream", lambda _device=None: self.thread.stream),
        ):
            monkeypatch.setattr(torch.cuda, name, replacement)
        monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
        monkeypatch.setattr(Tensor, "record_stream", partialmethod(_keep, self))

    @contextmanager
    def _use(self, stream: Stream) -> Iterator[None]:
        before, self.thread.stream = self.thread.stream, stream
        yield
        self.thread.stream = before

    def keep(self, tensor: Tensor, stream: Stream) -> None:
        """Take a call of `record_stream`."""
        if memory := self._memories.get(_key(tensor)):
            memory.kept_for.add(stream)

    def launch(self, name: str, inputs: list[Tensor], written: list[Tensor], outputs: list[Tensor]) -> None:
        """Take an operation that was started on the current stream."""
        with self._lock:
            stream = self.thread.stream
            stream.clock.learn(self.thread.host.clock)
            stream.time += 1
            stream.clock[stream] = stream.time
            known = {_key(tensor) for tensor in inputs}
            for key in known & self._memories.keys():
                self._check(name, self._memories[key], stream, is_written=key in map(_key, written))
            for key in map(_key, outputs):
                if key not in known:
                    self._memories[key] = Memory(owner=stream, written=(stream, stream.time))

    def _check(self, name: str, memory: Memory, stream: Stream, *, is_written: bool) -> None:
        writer, time = memory.written
        if stream.clock.get(writer, 0) < time:
            self.races.append(f"{name} reads what another stream writes")
        if stream not in {memory.owner, *memory.kept_for}:
            self.races.append(f"{name} uses memory that is not kept for it")
        if not is_written:
            memory.read[stream] = stream.time
            return
        if any(stream.clock.get(reader, 0) < at for reader, at in memory.read.items()):
            self.races.append(f"{name} writes what another stream reads")
        memory.written = stream, stream.time


class Launches(TorchDispatchMode):  # type: ignore[no-untyped-call]  # missing in torch's stubs
    """Passes the operations of a thread on tensors of the device to the simulated GPU."""

    def __init__(self, gpu: SimulatedGpu) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self._gpu = gpu

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        name, inputs = func.overloadpacket.__name__, _on_device((args, kwargs))
        if name == "copy_" and args[0].device != META and inputs:
            self._gpu.thread.num_down += 1
            result = args[0]
        else:
            result = func(*args, **kwargs)
        if inputs or _on_device(result):
            self._gpu.launch(name, inputs, _written(func, args, kwargs), _on_device(result))
        return result


class ThereBlend(Blend):
    """A method on the device."""

    device = META


def simulated_gpu(monkeypatch: pytest.MonkeyPatch) -> SimulatedGpu:
    """The device, in place of CUDA; a fixture."""
    gpu = SimulatedGpu()
    gpu.install(monkeypatch)
    return gpu


def _keep(tensor: Tensor, gpu: SimulatedGpu, stream: Stream) -> None:
    gpu.keep(tensor, stream)


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _on_device(values: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.device == META]


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The arguments that an operation writes to, by its schema."""
    found = []
    for number, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            found.append(args[number] if number < len(args) else kwargs.get(argument.name))
    return _on_device(found)
