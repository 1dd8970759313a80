"""The values that a training config may have: ranges of its numbers, and what its texts must not contain.

No number is negative or infinite.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import inf, isfinite, ulp

from slomo_batch.manifest.validation_errors import Path, Problem
from slomo_batch.sanitize import is_utf8

MAX_INTEGER = 2**31 - 1
_SHARE = (0, 1)
_POSITIVE = (ulp(0), inf)
RANGES: Mapping[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "steps": (1, MAX_INTEGER),
    "batch": (1, MAX_INTEGER),
    "learning_rate": _POSITIVE,
    "falls": _SHARE,
    "last_share": _SHARE,
    "ema_decay": _SHARE,
    "crop_px": (1, MAX_INTEGER),
    "stride": (1, MAX_INTEGER),
    "film_share": _SHARE,
    "span_shares": _SHARE,
    "still_share": _SHARE,
    "small_share": _SHARE,
    "medium_share": _SHARE,
    "affine_share": _SHARE,
    "thin_share": _SHARE,
    "pattern_share": _SHARE,
    "enlarged_share": _SHARE,
    "overlay_share": _SHARE,
    "accelerated_share": _SHARE,
    "blur_share": _SHARE,
    "light_share": _SHARE,
    "noise_share": _SHARE,
    "compression_share": _SHARE,
    "min_quality": (1, 90),
    "pixel_range": _POSITIVE,
}
"""Least and largest value, by key, of numbers that have another range than from 0."""


def value_problems(record: object, path: Path = ()) -> Iterator[Problem]:
    """Yield the values of a record, and of the records in it, that are not valid."""
    if isinstance(record, tuple):
        for number, item in enumerate(record):
            yield from value_problems(item, (*path, number))
    elif is_dataclass(record):
        for each in fields(record):
            yield from value_problems(getattr(record, each.name), (*path, each.name))
    elif isinstance(record, str) and ("\0" in record or not is_utf8(record)):
        yield Problem(path=path, text=f"{record!r} contains a NUL character or a lone surrogate")
    elif isinstance(record, int | float) and not isinstance(record, bool):
        key = next(str(step) for step in reversed(path) if isinstance(step, str))
        least, most = RANGES.get(key, (0, MAX_INTEGER if isinstance(record, int) else inf))
        if not isfinite(record):
            yield Problem(path=path, text=f"must be finite, got {record}")
        elif not least <= record <= most:
            yield Problem(path=path, text=f"must be {_range_text(least, most)}, got {record}")


def _range_text(least: float, most: float) -> str:
    if (least, most) == _POSITIVE:
        return "greater than 0"
    return f"at least {least}" if most == inf else f"from {least} to {most}"
