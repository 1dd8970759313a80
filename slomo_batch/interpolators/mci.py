"""mci: motion-compensated interpolation (MCI) by libavfilter's minterpolate, with a new filter for every pair.

The filter is made for streams: it buffers four frames and interpolates between the middle two. Each pair therefore gets
its own filter with only the pair and its neighbors, so that no state passes from pair to pair. Its scene detection is
off, since cuts are detected separately for all methods.

The filter works in 8 bits, here in limited-range YUV 4:4:4, whose headroom keeps values beyond black and white. Its
time resolution is 1/1024 of a pair; motion is in whole pixels, up to 32 from the predicted position of a block.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, pairwise

import av
import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.error import MemoryError as NoMemory
from av.filter import Graph
from av.filter.context import FilterContext
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from slomo_batch.color.color_spec import ColorSpec
from slomo_batch.color.conversion import from_rgb, to_rgb
from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.contract import Held
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import ColorFacts

CONTEXT = 1
"""The filter buffers four frames: one beyond the pair on either side. More made no measurable difference."""
OPTIONS = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none"
MIN_SIDE_PX = 64
"""Smaller pictures are padded by replicating the border, since the filter moves blocks of 16 pixels."""
TICKS = 1 << 20
"""Ticks of the filter's clock from i0 to i1. Neighbors of the pair are one tick away: no frame is made there."""
MAX_DENOMINATOR = 1 << 10
"""Largest denominator of a time step that the filter resolves."""

Planes = NDArray[np.uint8]
"""The planes of a frame in the filter's pixel format, [3, H, W]."""

FORMAT = PIXEL_FORMATS["yuv444p"]
COLOR_SPEC = ColorSpec.of(ColorFacts(range="limited", matrix="smpte170m", chroma_location="left"), FORMAT, 0)


class Mci:
    """Interpolates with motion-compensated blocks."""

    context = CONTEXT

    def pair_bytes(self, width: int, height: int, num_frames: int) -> int:
        """Return the memory of the filter and its frames; see `contract.pair_bytes`. Measured at 1280x720."""
        del num_frames
        return 460 * width * height

    def between_with_context(
        self, window: Sequence[Tensor | None], times: Iterable[Fraction]
    ) -> Iterator[Tensor | Held]:
        """Yield the frames at `times`; see the contract. A missing neighbor is replaced by the frame of the pair."""
        before, i0, i1, after = window
        if i0 is None or i1 is None:
            raise ValueError("the window does not contain the pair")
        height, width = i0.shape[-2:]
        shown = [
            frame if frame is not None else held for frame, held in ((before, i0), (i0, i0), (i1, i1), (after, i1))
        ]
        planes = [_to_planes(frame) for frame in shown]
        for run in _even_runs(times):
            for frame in _interpolate(planes, *run):
                yield to_rgb(frame, COLOR_SPEC)[:, :height, :width]


def _to_planes(frame_CHW: Tensor) -> Planes:
    """Convert the frame to the filter's format, padded to at least MIN_SIDE_PX."""
    height, width = frame_CHW.shape[-2:]
    pad = 0, max(0, MIN_SIDE_PX - width), 0, max(0, MIN_SIDE_PX - height)
    return np.stack(from_rgb(functional.pad(frame_CHW[None], pad, mode="replicate")[0], FORMAT, COLOR_SPEC).planes)


def _even_runs(times: Iterable[Fraction]) -> Iterator[tuple[Fraction, Fraction, int]]:
    """Yield the first time, the step and the number of each run of evenly spaced times.

    The filter makes evenly spaced frames. The times of a pair are usually evenly spaced, and then form one run;
    otherwise each time is a separate run. If the filter cannot resolve the step, the times are read lazily.
    """
    rest = iter(times)
    first = list(islice(rest, MAX_DENOMINATOR + 2))
    steps = {later - earlier for earlier, later in pairwise(first)}
    if len(steps) == 1 and min(steps) > 0 and max(step.denominator for step in steps) <= MAX_DENOMINATOR:
        yield first[0], steps.pop(), len(first)
    else:
        yield from ((time, Fraction(1), 1) for time in chain(first, rest))


def _interpolate(planes: Sequence[Planes], first: Fraction, step: Fraction, num: int) -> Iterator[Picture]:
    """Yield `num` frames at first, first + step, ... from one filter.

    The filter makes frames at whole multiples of `step` after its first input frame. i0 is placed so that the second
    multiple falls on `first`.
    """
    pair_starts = round((2 * step - first) * TICKS)
    pts = pair_starts - 1, pair_starts, pair_starts + TICKS, pair_starts + TICKS + 1
    wanted = range(2, 2 + num)
    made = (frame for frame in _run_filter(planes, pts, rate=1 / step) if frame.pts in wanted)
    for _, frame in zip(wanted, made, strict=True):
        yield Picture(format=FORMAT, planes=tuple(np.asarray(frame.to_ndarray())))


def _run_filter(planes: Sequence[Planes], pts: Sequence[int], *, rate: Fraction) -> Iterator[av.VideoFrame]:
    """Yield all output of a new filter for the frames at these timestamps."""
    height, width = planes[0].shape[1:]
    clock, layout = Fraction(1, TICKS), av.VideoFormat(FORMAT.name, width, height)
    try:
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(width=width, height=height, format=layout, time_base=clock)
        filtering = graph.add("minterpolate", f"fps={rate.numerator}/{rate.denominator}:{OPTIONS}")
        sink = graph.add("buffersink")
        source.link_to(filtering)
        filtering.link_to(sink)
        graph.configure()
        for samples, time in zip(planes, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(samples, format=FORMAT.name)
            frame.pts, frame.time_base = time, clock
            source.push(frame)
            yield from _pull_frames(sink)
    except (NoMemory, MemoryError) as error:
        raise OutOfMemory(
            "a pair of frames does not fit into memory", where=f"{width}x{height}", got=str(error)
        ) from error


def _pull_frames(sink: FilterContext) -> Iterator[av.VideoFrame]:
    """Yield the frames that the graph has ready."""
    while True:
        try:
            frame = sink.pull()
        except (NothingYet, NothingMore):
            return
        if isinstance(frame, av.VideoFrame):
            yield frame
