"""mci: block motion compensation by libavfilter's minterpolate, a fresh filter for every pair.

The filter is made for streams: it holds four frames and makes those between the two in the middle. Each pair therefore
gets a filter of its own, given the pair and its neighbours and nothing else, so that nothing is carried from pair to
pair. Its scene detection is off: cuts are judged elsewhere, for all methods alike.

The filter works in 8 bits, here in YUV 4:4:4 of limited range, whose headroom keeps what lies beyond black and white.
It knows time in 1/1024 of a pair, and motion in whole pixels, up to 32 of them from where it expects a block.
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

from slomo_batch.color.conversion import ColorSpec, from_rgb, to_rgb
from slomo_batch.errors import OutOfMemory
from slomo_batch.interpolators.contract import Held
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records import ColorFacts

CONTEXT = 1
"""The filter's four frames: one beyond the pair on either side. More changed nothing that could be measured."""
OPTIONS = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none"
MIN_SIDE_PX = 64
"""Smaller pictures are continued by their border: the filter moves blocks of 16 pixels."""
TICKS = 1 << 20
"""Ticks of the filter's clock from i0 to i1. Frames beside the pair are one tick away: nothing is made there."""
MAX_DENOMINATOR = 1 << 10
"""Largest denominator of a step in time: what the filter resolves."""

Planes = NDArray[np.uint8]
"""The three planes of a frame in the filter's format, [3, H, W]."""

FORMAT = PIXEL_FORMATS["yuv444p"]
COLOR_SPEC = ColorSpec.of(ColorFacts(range="limited", matrix="smpte170m", chroma_location="left"), FORMAT, 0)


class Mci:
    """Makes frames with motion-compensated blocks."""

    context = CONTEXT

    def between_with_context(
        self, window: Sequence[Tensor | None], times: Iterable[Fraction]
    ) -> Iterator[Tensor | Held]:
        """The frames at `times`; see the contract. Where the video ends, the pair's own frame stands in."""
        before, i0, i1, after = window
        if i0 is None or i1 is None:
            raise ValueError("the window lacks the pair itself")
        height, width = i0.shape[-2:]
        shown = [
            frame if frame is not None else held for frame, held in ((before, i0), (i0, i0), (i1, i1), (after, i1))
        ]
        planes = [_to_planes(frame) for frame in shown]
        for run in _even_runs(times):
            for frame in _interpolate(planes, *run):
                yield to_rgb(frame, COLOR_SPEC)[:, :height, :width]


def _to_planes(frame_CHW: Tensor) -> Planes:
    """The frame in the filter's format, at least as large as the filter needs."""
    height, width = frame_CHW.shape[-2:]
    pad = 0, max(0, MIN_SIDE_PX - width), 0, max(0, MIN_SIDE_PX - height)
    return np.stack(from_rgb(functional.pad(frame_CHW[None], pad, mode="replicate")[0], FORMAT, COLOR_SPEC).planes)


def _even_runs(times: Iterable[Fraction]) -> Iterator[tuple[Fraction, Fraction, int]]:
    """First time, step and number of each run of evenly spaced times: the filter's clock ticks evenly.

    The times of one pair come from an even clock, so they are one run; any others are runs of one each. So many times
    that the filter cannot resolve their step are not read all at once.
    """
    rest = iter(times)
    first = list(islice(rest, MAX_DENOMINATOR + 2))
    steps = {later - earlier for earlier, later in pairwise(first)}
    if len(steps) == 1 and min(steps) > 0 and max(step.denominator for step in steps) <= MAX_DENOMINATOR:
        yield first[0], steps.pop(), len(first)
    else:
        yield from ((time, Fraction(1), 1) for time in chain(first, rest))


def _interpolate(planes: Sequence[Planes], first: Fraction, step: Fraction, num: int) -> Iterator[Picture]:
    """The frames at first, first + step ... by one filter.

    The filter makes frames at whole multiples of `step`, from the first frame's own time on; i0 is put where its second
    multiple falls on `first`.
    """
    pair_starts = round((2 * step - first) * TICKS)
    pts = pair_starts - 1, pair_starts, pair_starts + TICKS, pair_starts + TICKS + 1
    wanted = range(2, 2 + num)
    made = (frame for frame in _run_filter(planes, pts, rate=1 / step) if frame.pts in wanted)
    for _, frame in zip(wanted, made, strict=True):
        yield Picture(format=FORMAT, planes=tuple(np.asarray(frame.to_ndarray())))


def _run_filter(planes: Sequence[Planes], pts: Sequence[int], *, rate: Fraction) -> Iterator[av.VideoFrame]:
    """All that a fresh filter makes of the frames at these times."""
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
            "a pair of frames does not fit the memory", where=f"{width}x{height}", got=str(error)
        ) from error


def _pull_frames(sink: FilterContext) -> Iterator[av.VideoFrame]:
    """What the graph has ready."""
    while True:
        try:
            frame = sink.pull()
        except (NothingYet, NothingMore):
            return
        if isinstance(frame, av.VideoFrame):
            yield frame
