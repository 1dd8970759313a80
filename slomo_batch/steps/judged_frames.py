"""The frames that a method makes between a pair, with what `interpolate.doubt` says about those that it doubts."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import tee
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.color.transfers import to_device
from slomo_batch.interpolators.contract import (
    AnyInterpolator,
    Frame,
    Held,
    JudgedFrame,
    JudgingInterpolator,
    make_frames,
    nearest_source_frame,
)
from slomo_batch.interpolators.doubt import Overlay, cross_faded, level_of, weight_of
from slomo_batch.interpolators.out_of_memory import out_of_memory_mapped
from slomo_batch.settings import Doubt

BYTES_PER_PX = 50
"""Memory that blending takes for each pixel of a picture, beside that of the method."""


class MadeFrame(NamedTuple):
    """A frame of a method, and how much the method doubts those of its pair."""

    frame: Frame
    level: Tensor | None = None
    """The doubt of the pair in sixteenths, a uint8 on the frame's device; None if the method has no evidence."""
    held: Held | None = None
    """The source frame to show instead if the pair is held in doubt."""


def judged_frames(
    method: AnyInterpolator,
    doubt: Doubt,
    window: Sequence[Tensor | None],
    times: Iterable[Fraction],
    overlay: NDArray[np.bool_] | None = None,
) -> Iterator[MadeFrame]:
    """Yield the frames at `times` between the middle pair of a window, as `contract.make_frames` does.

    `overlay`: the pixels that are cross-faded however much the method trusts its frames; None if there are none.
    """
    i0, i1 = window[len(window) // 2 - 1 : len(window) // 2 + 1]
    if not isinstance(method, JudgingInterpolator) or i0 is None or i1 is None:
        yield from map(MadeFrame, make_frames(method, window, times))
        return
    for_method, for_us = tee(times)
    pair = method.judged(i0, i1, for_method, by_region=doubt == "blend")
    level = level_of(pair.doubt)
    guard = None if overlay is None else Overlay.of(to_device(torch.from_numpy(overlay), i0.device).float())
    for made, time in zip(pair.frames, for_us, strict=True):
        frame = _blended(made, i0, i1, time, guard) if doubt == "blend" else made.frame
        yield MadeFrame(frame, level, nearest_source_frame(time) if doubt == "hold" else None)


def _blended(made: JudgedFrame, i0: Tensor, i1: Tensor, time: Fraction, overlay: Overlay | None) -> Tensor:
    if made.doubt is None:
        raise ValueError("the method was asked to judge each frame, and did not")
    height, width = i0.shape[-2:]
    with out_of_memory_mapped(width, height), torch.inference_mode():
        weight = weight_of(made.doubt, height, width, overlay)
        return cross_faded(made.frame, i0, i1, float(time), weight)
