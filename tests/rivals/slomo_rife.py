"""RIFE 4.0 as an interpolation method, as another package would add one."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from torch import Tensor

from slomo_batch.interpolators.method import InterpolatorSpec, Method
from slomo_batch.training.rife import Rife


class Interpolating:
    """The network, on the CPU."""

    def __init__(self) -> None:
        self._rife = Rife()

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor]:
        """Yield the frame at each time."""
        for time in times:
            yield self._rife.frame(i0_CHW, i1_CHW, float(time))


def _open(_spec: InterpolatorSpec) -> Interpolating:
    return Interpolating()


METHOD = Method(name="rife", open=_open, about="RIFE 4.0: a network estimates the flow from the new frame to both.")
