"""Which conflicts exist whatever the invalid values beside them were meant to be.

Invalid values are replaced by valid ones so that conflicts can be found at all. Conflicts that an invalid value may
decide are then left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slomo_batch.manifest.validation_errors import Path, Problem

_CODEC: tuple[Path, ...] = (("encode", "codec"), ("encode", "encoder"))
_DECIDED_BY: Mapping[Path, tuple[Path, ...]] = {
    ("encode", "quality"): (*_CODEC, ("encode", "quality")),
    ("encode", "preset"): (("encode", "preset"),),
    ("encode", "encoder"): _CODEC,
    ("encode", "pixel_format"): (*_CODEC, ("encode", "quality"), ("encode", "pixel_format")),
    ("encode",): (*_CODEC, ("encode", "tune"), ("encode", "max_bit_rate")),
    ("output", "uri"): (*_CODEC, ("encode", "pixel_format"), ("output", "uri")),
    ("audio",): (("audio",), ("retime", "slowdown"), ("retime", "ramp")),
    ("retime", "range"): (("retime", "range"),),
    ("interpolate", "duplicates"): (("interpolate", "duplicates"), ("scan",)),
    ("interpolate", "doubt"): (("interpolate", "method"), ("interpolate", "doubt")),
    ("cluster", "workers"): (("cluster", "workers"),),
}
"""The settings that decide whether there is a conflict at a path."""
_PLACES: tuple[Path, ...] = (("inputs",), ("output",), ("work",), ("interpolate", "weights"))

_AN_INPUT = {"uri": "a"}
_STAND_INS: Mapping[str, Any] = {"version": 1, "name": "job", "inputs": [_AN_INPUT], "output": {"uri": "b"}}
"""Values of the keys that a manifest must have."""


def independent_of(problems: Sequence[Problem], conflicts: Iterable[Problem]) -> list[Problem]:
    """Return the conflicts that exist whatever the values with problems were meant to be."""

    def is_open(conflict: Problem) -> bool:
        inside, path = _within(conflict.path)
        return any(
            _overlap(problem.path, decisive) or (bool(inside) and _overlap(problem.path, (*inside, *decisive)))
            for problem in problems
            for decisive in _DECIDED_BY[path]
        )

    return [conflict for conflict in conflicts if not is_open(conflict)]


def are_places_valid(problems: Iterable[Problem]) -> bool:
    """Return whether no problem is in the keys that say where files are."""
    return not any(_overlap(problem.path, place) for problem in problems for place in _PLACES)


def _within(path: Path) -> tuple[Path, Path]:
    """Split a path into that of the entry of `inputs` that it is in, and the rest."""
    return (path[:2], path[2:]) if path[0] == "inputs" else ((), path)


def _overlap(one: Path, other: Path) -> bool:
    """Return whether one path leads into the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def with_stand_ins(data: Mapping[str, Any], problems: Iterable[Problem]) -> dict[str, Any]:
    """Return the data of a manifest without the values that have problems. Those that it must have are replaced."""
    return {**_STAND_INS, **without(data, problems)}


def without(data: Mapping[str, Any], problems: Iterable[Problem]) -> Mapping[str, Any]:
    """Return the data without the values that have problems."""
    for problem in problems:
        data = _without(data, problem.path)
    return data


def _without(data: Any, path: Path) -> Any:
    """Return the data without the value at a path. An entry of a list, whose place counts, is replaced."""
    step, *inner = path
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        rest = _without(data[step], tuple(inner)) if inner else None
        names_files = isinstance(rest, Mapping) and (rest.get("uri") or rest.get("table"))
        return [*data[:step], rest if names_files else _AN_INPUT, *data[step + 1 :]]
    if not isinstance(data, Mapping) or step not in data:
        return data
    others = {key: value for key, value in data.items() if key != step}
    return {**others, step: _without(data[step], tuple(inner))} if inner and data[step] else others
