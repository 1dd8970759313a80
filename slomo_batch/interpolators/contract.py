"""The one contract of every method: two frames, and the times wanted between them, give the frames.

An interpolator sees one pair at a time and keeps nothing of it: what it answers is a function of its arguments alone,
so the border of a chunk changes nothing. A method that must see more than the pair says how many frames on either side,
and is given that fixed window every time.

Times are read and frames are made as the caller asks for them: a pair may hold very many of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from fractions import Fraction
from typing import Protocol, runtime_checkable

from torch import Tensor


class Held(Enum):
    """A wanted frame that is one of the pair's own source frames, to be passed on untouched."""

    FIRST = "first"
    SECOND = "second"


Frame = Tensor | Held
"""A frame made, or one to be passed on."""


class Interpolator(Protocol):
    """Makes frames between two source frames."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """The frames at `times` between i0 (at 0) and i1 (at 1), one per time, in their order.

        Args:
            i0_CHW: RGB, fp32, [3, H, W], nominally 0 to 1, on the CPU.
            i1_CHW: the same of the next source frame.
            times: each strictly within (0, 1), at least one.

        Yields:
            For each time RGB like the input's, on the CPU; or which of the two source frames to show as it is.

        Raises:
            OutOfMemory: the pair does not fit the device.
        """


@runtime_checkable
class WindowInterpolator(Protocol):
    """A method that reads source frames beyond the pair."""

    context: int
    """Source frames it reads beyond the pair, on either side."""

    def between_with_context(
        self, window: Sequence[Tensor | None], times: Iterable[Fraction]
    ) -> Iterator[Tensor | Held]:
        """The frames at `times` in the window's middle pair; otherwise as `Interpolator.between`.

        Args:
            window: `context` frames, the pair's two, `context` frames; None where the video has none.
            times: each strictly within (0, 1), at least one.
        """


AnyInterpolator = Interpolator | WindowInterpolator


def context_of(method: AnyInterpolator) -> int:
    """Source frames that the method reads beyond a pair, on either side."""
    return method.context if isinstance(method, WindowInterpolator) else 0


def make_frames(
    method: AnyInterpolator, window: Sequence[Tensor | None], times: Iterable[Fraction]
) -> Iterator[Tensor | Held]:
    """The frames at `times` in the middle pair of a window of `reach(method)` frames on either side of it."""
    if isinstance(method, WindowInterpolator):
        return method.between_with_context(window, times)
    i0_CHW, i1_CHW = window
    if i0_CHW is None or i1_CHW is None:
        raise ValueError("the window lacks the pair itself")
    return method.between(i0_CHW, i1_CHW, times)


def nearest_source_frame(time: Fraction) -> Held:
    """The source frame nearest in time; the later one where both are as near."""
    return Held.FIRST if time < Fraction(1, 2) else Held.SECOND
