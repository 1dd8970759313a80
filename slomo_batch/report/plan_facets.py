"""What is made of the videos of a plan, in words; what many have in common is said once."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import takewhile

from slomo_batch.report.plan_row import PlanRow

Facet = Callable[[PlanRow], str]


def rate_of(row: PlanRow) -> str:
    """The output rate, with at most three decimals."""
    return f"{float(Fraction(row.output_rate)):.3f}".rstrip("0").rstrip(".")


def folder_of(uris: Iterable[str]) -> str:
    """The longest common beginning of these locations that ends with a slash; empty if there is none."""
    found = list(uris)
    first, last = min(found), max(found)
    same = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    folder, slash, _ = same.rpartition("/")
    return folder + slash


def _retiming(row: PlanRow) -> str:
    if row.is_ramp:
        return f"ramp, {row.slowdown:.3g}x slower on average"
    return f"{row.slowdown:.4g}x slower" if row.slowdown != 1 else "same duration"


def _encoding(row: PlanRow) -> str:
    quality = "" if row.quality is None else f" quality {row.quality}"
    return f"{row.codec}{quality} {row.pixel_format}"


def _method(row: PlanRow) -> str:
    return f"{row.method} {row.weights}".rstrip()


_AUDIO = {"keep": "audio kept", "stretch": "audio stretched", "resample": "audio resampled", "drop": "audio dropped"}

_FACETS: tuple[Facet, ...] = (
    _retiming,
    _method,
    _encoding,
    lambda row: _AUDIO.get(row.audio, ""),
)
"""What is made of a video, in words; empty if it does not apply. What is the same for all videos is said once, above
the table."""


def shared_facets(rows: Sequence[PlanRow]) -> tuple[list[str], list[Facet]]:
    """What is the same for all videos, and the facets that differ."""
    found = {facet: {facet(row) for row in rows} - {""} for facet in _FACETS}
    shared = [text for texts in found.values() if len(texts) == 1 for text in texts]
    return shared, [facet for facet, texts in found.items() if len(texts) > 1]
