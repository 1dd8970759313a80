"""duplicate: every output frame is the nearest source frame, unchanged."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from torch import Tensor

from slomo_batch.interpolators.contract import Held, nearest_source_frame


def nearest_frames(times: Iterable[Fraction]) -> Iterator[Held]:
    """Yield the nearest source frame of the pair at each time."""
    return map(nearest_source_frame, times)


class Duplicate:
    """Holds the nearest source frame."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """Yield the source frame to hold at each time; see the contract. Does not read pixels."""
        del i0_CHW, i1_CHW
        return nearest_frames(times)
