"""blend: a cross-fade of the two source frames, weighted by time."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from torch import Tensor

from slomo_batch.interpolators.contract import Held


class Blend:
    """Cross-fades two frames: i0 + t (i1 - i0), which leaves equal samples exactly unchanged."""

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        """Yield the cross-fade at each time; see the contract."""
        change_CHW = i1_CHW - i0_CHW
        for time in times:
            yield (change_CHW * float(time)).add_(i0_CHW)
