"""Two small interpolation methods, as another package adds them: it is installed from a wheel by the tests."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.contract import Held
from slomo_batch.interpolators.method import InterpolatorSpec, Method, MethodWeights

PIXEL_VERSION = 1


class Tint:
    """Makes every frame from the first one of the pair, with a constant red channel."""

    def __init__(self, red: float) -> None:
        self._red = red

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        del i1_CHW
        for _ in times:
            made = i0_CHW.clone()
            made[0] = self._red
            yield made


class Echo:
    """Makes every frame from the source frame two places before the pair; holds the first one where there is none."""

    context = 2

    def between_with_context(
        self, window: Sequence[Tensor | None], times: Iterable[Fraction]
    ) -> Iterator[Tensor | Held]:
        for _ in times:
            yield Held.FIRST if window[0] is None else window[0].clone()


def _level(path: Path) -> float:
    try:
        return float(path.read_text())
    except ValueError as error:
        raise WeightsError("not a level of red", where=str(path), got=str(error)) from error


def _checked(original: Path, folder: Path) -> Path:
    del folder
    _level(original)
    return original


TINT = Method(
    name="tint",
    open=lambda spec: Tint(_level(Path(spec.weights_path))),
    weights=MethodWeights(folder=Path(__file__).parent / "slomo_tint_levels", prepare=_checked),
    pixel_version=PIXEL_VERSION,
)
ECHO = Method(name="echo", open=lambda _spec: Echo(), context=Echo.context, pixel_version=PIXEL_VERSION)
NO_METHOD = InterpolatorSpec(method="no-method")
