"""duplicate: every wanted frame is the nearest source frame, untouched."""

from collections.abc import Sequence
from fractions import Fraction

from torch import Tensor

from slomo_batch.interpolators.contract import Held, nearest


class Duplicate:
    """Holds the nearest source frame."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Sequence[Fraction]) -> list[Tensor | Held]:
        """Which source frame to show at each time; see the contract. Pixels are not looked at."""
        del i0_CHW, i1_CHW
        return [nearest(time) for time in times]
