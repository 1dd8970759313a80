"""Super SloMo as an interpolator: pictures padded to whole blocks, flow once per pair, all its times together.

The number class is fixed by the arguments of construction: convolutions in `precision`; flows, grids and synthesis
always in fp32. Times go through the second net in batches whose size follows from the picture's size alone, so the same
pair gives the same bits wherever its chunk begins.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fractions import Fraction
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.contract import Held
from slomo_batch.interpolators.superslomo.compact import Compact
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.warp import upsample
from slomo_batch.settings import Precision

Network = Paper | Compact | Guided
"""All tell what flow begins with (`hints`, on the CPU), find flow (`flows`) and make frames of it (`frames`), in
pictures of whole blocks (`multiple()`)."""

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

MAX_BATCH_PX = 1 << 21
"""Pixels of all frames that go through the second net at once: eight frames at 640x360, one from 1080p on. Beyond it a
batch gains no speed, and memory grows with it (about 1 kB per pixel in the paper's network at fp32)."""
AHEAD_PX, AHEAD_FRAMES = 1 << 26, range(8, 65)
"""Pixels of all frames of a pair that are made before the first is passed on (32 frames of 1080p, 800 MB), and the
fewest and most frames."""


class SuperSlomo:
    """Makes frames with a Super SloMo network."""

    def __init__(
        self, network: Network, *, device: torch.device, precision: Precision, flow_scale: Fraction, threads: int
    ) -> None:
        """Take over the network, which is cast and moved.

        Args:
            network: with its weights, in fp32.
            device: where it runs.
            precision: of the convolutions.
            flow_scale: 1 / n: flow is found in pictures of 1 / n of the size.
            threads: that torch uses on the CPU.
        """
        if flow_scale.numerator != 1:
            raise ValueError(f"flow_scale is 1 / n, got {flow_scale}")
        network.eval().requires_grad_(False)
        network.to(device=device, dtype=DTYPES[precision])
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
        self._network = network
        self._device = device
        self._divisor = flow_scale.denominator
        self._threads = threads
        # On a GPU one pair at a time: the other slots of a worker fetch, decode and encode meanwhile, and memory is
        # that of one pair. On CPUs each thread brings its own core.
        self._device_lock: AbstractContextManager[object] = threading.Lock() if device.type == "cuda" else nullcontext()

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """The frames at `times`; see the contract."""
        use_threads(self._threads)
        height, width = i0_CHW.shape[-2:]
        with _out_of_memory_mapped(width, height), torch.inference_mode():
            seen = self._pad(i0_CHW), self._pad(i1_CHW)
            flow_inputs = self._network.flow_inputs(*map(self._downscale, seen))
        frames = self._frames(*seen, flow_inputs, times)
        while made := self._next_frames(frames, width, height):
            yield from made

    def _next_frames(self, frames: Iterator[Tensor], width: int, height: int) -> list[Tensor]:
        """The next frames, no more than may be made ahead; empty at the end."""
        use_threads(self._threads)
        num = min(max(AHEAD_PX // (width * height), AHEAD_FRAMES.start), AHEAD_FRAMES.stop - 1)
        with _out_of_memory_mapped(width, height), torch.inference_mode(), self._device_lock:
            return [frame[:, :height, :width] for frame in islice(frames, num)]

    def _pad(self, image_CHW: Tensor) -> Tensor:
        """[1, C, H, W]; the last column and row repeated up to whole blocks."""
        height, width = image_CHW.shape[-2:]
        block = self._network.size_multiple() * self._divisor
        right, below = -width % block, -height % block
        whole = image_CHW[None]
        return functional.pad(whole, (0, right, 0, below), mode="replicate") if right or below else whole

    def _downscale(self, image_1CHW: Tensor) -> Tensor:
        """The picture that flow is found in."""
        return functional.avg_pool2d(image_1CHW, self._divisor) if self._divisor > 1 else image_1CHW

    def _frames(
        self, i0: Tensor, i1: Tensor, flow_inputs: tuple[Tensor, ...], times: Iterable[Fraction]
    ) -> Iterator[Tensor]:
        """Whole frames, [C, H, W], back on the CPU. Nothing on the way to the device waits for it."""
        i0, i1, *flow_inputs_there = (tensor.to(self._device) for tensor in (i0, i1, *flow_inputs))
        flows = self._network.flows(self._downscale(i0), self._downscale(i1), *flow_inputs_there)
        if self._divisor > 1:
            flows = upsample(flows, self._divisor).mul_(self._divisor)
        for t_B in self._batches(times, i0.shape[-2] * i0.shape[-1]):
            yield from self._network.frames(i0, i1, flows, t_B).cpu()

    def _batches(self, times: Iterable[Fraction], frame_px: int) -> Iterator[Tensor]:
        waiting = map(float, times)
        while batch := list(islice(waiting, max(1, MAX_BATCH_PX // frame_px))):
            yield torch.tensor(batch, dtype=torch.float32, device=self._device)


def use_threads(threads: int) -> None:
    """Make torch use as many CPU threads in the calling thread, whose own setting it is."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


_NO_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "out of memory")
"""How torch, its CPU allocator and the C++ library word it in errors that have no class of their own."""


@contextmanager
def _out_of_memory_mapped(width: int, height: int) -> Iterator[None]:
    """Raise OutOfMemory for every way of running out of it; other errors are bugs and pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(words in str(error).lower() for words in _NO_MEMORY):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(
            "a pair of frames does not fit the memory",
            where=f"{width}x{height}",
            got=str(error).partition("\n")[0],
            remedy="Set interpolate.flow_scale to 1/2 or 1/4, or use a machine with more memory.",
        ) from error
