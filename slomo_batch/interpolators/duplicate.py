"""duplicate: every wanted frame is the nearest source frame, untouched."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from torch import Tensor

from slomo_batch.interpolators.contract import Held, nearest_source_frame


def nearest_frames(times: Iterable[Fraction]) -> Iterator[Held]:
    """Which of the pair's source frames to show at each time."""
    return map(nearest_source_frame, times)


class Duplicate:
    """Holds the nearest source frame."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """Which source frame to show at each time; see the contract. Pixels are not looked at."""
        del i0_CHW, i1_CHW
        return nearest_frames(times)
