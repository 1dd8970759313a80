"""The contract of every interpolation method: from two frames and times between them, make the frames.

An interpolator keeps no state between pairs: its output depends on its arguments alone, so chunk borders change
nothing, and several threads may call it at once, for a pair each. A method that reads more than the pair declares how
many frames on either side as its `context`, and always gets a window of that size.

A method that computes on another device than the CPU states it as its `device`. Frames are there when it gets them, and
stay there when it returns them.

Times are read and frames are made lazily, since a pair may have very many of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class Held(Enum):
    """Marks an output frame that is one of the two source frames of the pair, unchanged."""

    FIRST = "first"
    SECOND = "second"


Frame = Tensor | Held
"""An interpolated frame, or a source frame to hold."""


class PairInterpolator(Protocol):
    """Makes frames between two source frames."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """Yield the frames at `times` between i0 (time 0) and i1 (time 1), one per time, in the same order.

        Args:
            i0_CHW: RGB, fp32, [3, H, W], nominally 0 to 1, on the method's device.
            i1_CHW: the next source frame, likewise.
            times: at least one, each strictly within (0, 1).

        Yields:
            For each time an RGB frame like the input, on the same device, or which of the two source frames to hold.

        Raises:
            OutOfMemory: the pair does not fit into the memory of the device.
        """


@runtime_checkable
class WindowInterpolator(Protocol):
    """An interpolator that also reads source frames beyond the pair."""

    context: int
    """Number of source frames that it reads beyond the pair, on either side."""

    def between_with_context(
        self, window: Sequence[Tensor | None], times: Iterable[Fraction]
    ) -> Iterator[Tensor | Held]:
        """Yield the frames at `times` between the middle pair of the window; otherwise as `PairInterpolator.between`.

        Args:
            window: `context` frames, the pair, `context` frames; None beyond the ends of the video.
            times: at least one, each strictly within (0, 1).
        """


AnyInterpolator = PairInterpolator | WindowInterpolator


# ---- doubt -----------------------------------------------------------------------------------------------------------

CELL_PX = 4
"""Side of a cell of a doubt, in pixels of the picture."""


class JudgedFrame(NamedTuple):
    """An interpolated frame, and how much the method doubts it in each cell."""

    frame: Tensor
    """As `PairInterpolator.between` yields it."""
    doubt: Tensor | None
    """The weight, 0 to 1, that a cross-fade of the two source frames deserves in each cell; 0 means no doubt. [h, w],
    fp32, on the frame's device; h and w are a quarter of the picture's, rounded up. None if it was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """The frames of a pair, and how much the method doubts them."""

    doubt: Tensor
    """One or more maps like those of its frames, [N, h, w], which do not depend on the times."""
    frames: Iterator[JudgedFrame]
    """One for each time, in order, made as they are read."""


@runtime_checkable
class JudgingInterpolator(Protocol):
    """An interpolator that has evidence of where its frames are wrong. It reads no frames beyond the pair."""

    def judged(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction], *, by_region: bool) -> JudgedPair:
        """Judge a pair, and make its frames: the same bits as those of `between`.

        Args:
            i0_CHW: as for `PairInterpolator.between`.
            i1_CHW: likewise.
            times: likewise.
            by_region: whether each frame gets a doubt of its own.
        """


# ---- use -------------------------------------------------------------------------------------------------------------

BYTES_PER_PX = 300
"""Memory of a pair while its frames are made, for each pixel of a picture, if the method does not state it. `flow`
takes 260, `blend` less (peak of the resident set at 1920x1080)."""


def pair_bytes(method: AnyInterpolator, width: int, height: int, num_frames: int) -> int:
    """Return the memory that a pair takes while so many frames are made between it; an estimate.

    A method states it by a method `pair_bytes` with the other three arguments.
    """
    stated = getattr(method, "pair_bytes", None)
    return BYTES_PER_PX * width * height if stated is None else int(stated(width, height, num_frames))


def device_of(method: AnyInterpolator) -> torch.device:
    """Return the device of the frames that the method gets and returns: its `device`, by default the CPU."""
    return torch.device(getattr(method, "device", "cpu"))


def context_of(method: AnyInterpolator) -> int:
    """Return the number of source frames that the method reads beyond a pair, on either side."""
    return method.context if isinstance(method, WindowInterpolator) else 0


def make_frames(
    method: AnyInterpolator, window: Sequence[Tensor | None], times: Iterable[Fraction]
) -> Iterator[Tensor | Held]:
    """Make the frames at `times` between the middle pair of a window.

    Args:
        method: the method to use.
        window: the pair with `context_of(method)` frames on either side, on `device_of(method)`; None beyond the ends
            of the video.
        times: at least one, each strictly within (0, 1).

    Raises:
        ValueError: a frame of the pair is None.
    """
    if isinstance(method, WindowInterpolator):
        return method.between_with_context(window, times)
    i0_CHW, i1_CHW = window
    if i0_CHW is None or i1_CHW is None:
        raise ValueError("the window does not contain the pair")
    return method.between(i0_CHW, i1_CHW, times)


def make_frames_on_cpu(
    method: AnyInterpolator, window: Sequence[Tensor | None], times: Iterable[Fraction]
) -> Iterator[Tensor | Held]:
    """Do what `make_frames` does, for frames that are on the CPU and shall be there again."""
    device = device_of(method)
    there = [None if frame is None else frame.to(device) for frame in window]
    for frame in make_frames(method, there, times):
        yield frame if isinstance(frame, Held) else frame.cpu()


def nearest_source_frame(time: Fraction) -> Held:
    """Return the source frame nearest in time; the later one in a tie."""
    return Held.FIRST if time < Fraction(1, 2) else Held.SECOND
