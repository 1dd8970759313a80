"""The one contract of every method: two frames, and the times wanted between them, give the frames.

An interpolator sees one pair at a time and keeps nothing of it: what it answers is a function of its arguments alone,
so the border of a chunk changes nothing.
"""

from collections.abc import Sequence
from enum import Enum
from fractions import Fraction
from typing import Protocol

from torch import Tensor


class Held(Enum):
    """A wanted frame that is one of the pair's own source frames, to be passed on untouched."""

    FIRST = "first"
    SECOND = "second"


class Interpolator(Protocol):
    """Makes frames between two source frames."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Sequence[Fraction]) -> list[Tensor | Held]:
        """The frames at `times` between i0 (at 0) and i1 (at 1), one per time, in their order.

        Args:
            i0_CHW: RGB, fp32, [3, H, W], nominally 0 to 1, on the CPU.
            i1_CHW: the same of the next source frame.
            times: each strictly within (0, 1), at least one.

        Returns:
            For each time RGB like the input's, on the CPU; or which of the two source frames to show as it is.

        Raises:
            OutOfMemory: the pair does not fit the device.
        """


def nearest(time: Fraction) -> Held:
    """The source frame nearest in time; the later one where both are as near."""
    return Held.FIRST if time < Fraction(1, 2) else Held.SECOND
