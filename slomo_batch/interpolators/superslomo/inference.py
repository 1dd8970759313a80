"""Super SloMo as an interpolator: pads pictures, computes flow once per pair, and makes its frames in batches.

Convolutions run in `precision`; flows, sampling grids and synthesis always in fp32. The batch size of the second net
depends only on the picture size and the plan, so the same pair gives the same bits wherever its chunk starts.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.color.transfers import to_device
from slomo_batch.interpolators.contract import Held, JudgedFrame, JudgedPair
from slomo_batch.interpolators.device import DTYPES, use_threads
from slomo_batch.interpolators.evidence import PairEvidence, without_padding
from slomo_batch.interpolators.out_of_memory import check_algorithms, out_of_memory_mapped
from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.regions import Region, make_in_tiles
from slomo_batch.interpolators.superslomo.warp import upsample
from slomo_batch.records.plans import FIRST_BATCH_PX
from slomo_batch.settings import Precision


class _Pair(NamedTuple):
    """A pair of source frames, padded, [1, 3, H, W], and the flow between them."""

    i0: Tensor
    i1: Tensor
    flows: Tensor
    height: int
    """Of the picture without padding."""
    width: int


def _seen_part(frames_BCHW: Tensor, pair: _Pair) -> Tensor:
    """Cut off the padding."""
    return frames_BCHW[..., : pair.height, : pair.width]


WHOLE_BYTES_PER_PX = 75
"""Memory of a pair that is made in tiles, for each pixel of the whole pictures, beside that of a tile."""


class SuperSlomo:
    """Interpolates with a Super SloMo network."""

    def __init__(
        self,
        network: Network,
        *,
        device: torch.device,
        precision: Precision,
        flow_scale: Fraction,
        threads: int,
        batch_px: int = FIRST_BATCH_PX,
        tile_px: int = 0,
    ) -> None:
        """Take ownership of the network, cast it to `precision`, and move it to the device.

        Args:
            network: the network with its weights, in fp32.
            device: the device that it runs on.
            precision: number type of the convolutions.
            flow_scale: resolution of flow estimation, 1 / n of the picture.
            threads: CPU threads of torch.
            batch_px: pixels of the frames that the second net makes at once; it makes at least one.
            tile_px: pixels of the tiles in which a frame is made; 0 makes it whole.

        Raises:
            ValueError: flow_scale is not 1 / n.
        """
        if flow_scale.numerator != 1:
            raise ValueError(f"flow_scale must be 1 / n, got {flow_scale}")
        network.eval().requires_grad_(False)
        network.to(device=device, dtype=DTYPES[precision])
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self._network = network
        self.device = device
        self._divisor = flow_scale.denominator
        self._threads = threads
        self._batch_px = batch_px
        self._tile_px = tile_px

    def pair_bytes(self, width: int, height: int, num_frames: int) -> int:
        """Return the memory of the network while it makes a batch; see `contract.pair_bytes`."""
        if self._tile_px:
            seen_px = max(self._tile_px, width * height // self._divisor**2)
            return WHOLE_BYTES_PER_PX * width * height + self._network.bytes_per_px * seen_px
        return self._network.bytes_per_px * width * height * min(num_frames, self._frames_per_batch(width * height))

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """Yield the frames at `times`; see the contract. Once the flow is found, no step waits for the device."""
        yield from self._frames(self._pair(i0_CHW, i1_CHW), times)

    def judged(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction], *, by_region: bool) -> JudgedPair:
        """Judge a pair, and make its frames; see the contract. Once the flow is found, no step waits for the device."""
        pair = self._pair(i0_CHW, i1_CHW)
        with self._computing(pair):
            evidence = PairEvidence.of(pair.i0, pair.i1, pair.flows, flow_px=self._network.flow_px)
            doubt = without_padding(evidence.doubt(), pair.height, pair.width)
        if by_region:
            return JudgedPair(doubt=doubt, frames=self._judged_frames(pair, evidence, times))
        return JudgedPair(doubt=doubt, frames=(JudgedFrame(one, None) for one in self._frames(pair, times)))

    def _pair(self, i0_CHW: Tensor, i1_CHW: Tensor) -> "_Pair":
        height, width = i0_CHW.shape[-2:]
        use_threads(self._threads)
        with out_of_memory_mapped(width, height), torch.inference_mode():
            i0, i1 = self._pad(i0_CHW), self._pad(i1_CHW)
            seen = self._downscale(i0), self._downscale(i1)
            flow_inputs = self._network.flow_inputs(*seen)
            return _Pair(i0, i1, self._flows(*seen, *flow_inputs), height, width)

    @contextmanager
    def _computing(self, pair: "_Pair") -> Iterator[None]:
        use_threads(self._threads)
        with out_of_memory_mapped(pair.width, pair.height), torch.inference_mode():
            yield

    def _frames(self, pair: "_Pair", times: Iterable[Fraction]) -> Iterator[Tensor]:
        for batch in self._batches(times, pair):
            with self._computing(pair):
                frames = self._made(pair.i0, pair.i1, pair.flows, self._times(batch))
            check_algorithms()
            yield from _seen_part(frames, pair)

    def _judged_frames(self, pair: "_Pair", evidence: PairEvidence, times: Iterable[Fraction]) -> Iterator[JudgedFrame]:
        for batch in self._batches(times, pair):
            with self._computing(pair):
                t_B = self._times(batch)
                if self._tile_px:  # the warped frames are never there as a whole
                    doubts = evidence.doubt_at(t_B, None)
                    frames = self._made(pair.i0, pair.i1, pair.flows, t_B)
                else:
                    warped = self._network.warped(pair.i0, pair.i1, pair.flows, t_B)
                    doubts = evidence.doubt_at(t_B, warped)
                    frames = self._network.blended(warped, t_B)
                doubts = without_padding(doubts, pair.height, pair.width)
            check_algorithms()
            yield from map(JudgedFrame, _seen_part(frames, pair), doubts)

    def _times(self, batch: list[float]) -> Tensor:
        return to_device(torch.tensor(batch, dtype=torch.float32), self.device)

    def _made(self, i0: Tensor, i1: Tensor, flows: Tensor, t_B: Tensor) -> Tensor:
        """Return the frames at these times, whole or joined from tiles."""
        if not self._tile_px:
            return self._network.frames(i0, i1, flows, t_B)
        inputs = self._network.frame_inputs(i0, i1)

        def tile(region: Region) -> Tensor:
            return self._network.frames(i0, i1, flows, t_B, *inputs, region=region)

        out_BCHW = i0.new_empty(len(t_B), *i0.shape[1:])
        return make_in_tiles(tile, out_BCHW, tile_px=self._tile_px, multiple=self._network.size_multiple())

    def _pad(self, image_CHW: Tensor) -> Tensor:
        """Pad to a multiple of the block size by replicating the last column and row, [1, C, H, W]."""
        height, width = image_CHW.shape[-2:]
        block = self._network.size_multiple() * self._divisor
        right, below = -width % block, -height % block
        whole = image_CHW[None]
        return functional.pad(whole, (0, right, 0, below), mode="replicate") if right or below else whole

    def _downscale(self, image_1CHW: Tensor) -> Tensor:
        """Downscale the picture for flow estimation."""
        return functional.avg_pool2d(image_1CHW, self._divisor) if self._divisor > 1 else image_1CHW

    def _flows(self, i0: Tensor, i1: Tensor, *flow_inputs: Tensor) -> Tensor:
        """Return the flow of the pair for the whole pictures, given the downscaled ones."""
        flows = self._network.flows(i0, i1, *flow_inputs)
        return upsample(flows, self._divisor).mul_(self._divisor) if self._divisor > 1 else flows

    def _batches(self, times: Iterable[Fraction], pair: "_Pair") -> Iterator[list[float]]:
        waiting, frame_px = map(float, times), pair.i0.shape[-2] * pair.i0.shape[-1]
        while batch := list(islice(waiting, self._frames_per_batch(frame_px))):
            yield batch

    def _frames_per_batch(self, frame_px: int) -> int:
        return 1 if self._tile_px else max(1, self._batch_px // frame_px)
