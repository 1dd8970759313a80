"""The settings in a table row: the columns that are named like settings. Other columns are not read."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.scalars import nearest
from slomo_batch.manifest.sections import VideoSections
from slomo_batch.manifest.validation_errors import (
    Path,
    Problem,
    dotted,
    keys_of,
    leaves,
    problems_of,
    subsection,
)

URI_COLUMN = "uri"


def row_sections(row: Mapping[str, str]) -> tuple[VideoSections, list[Problem]]:
    """Return the valid settings of a row, and the problems of the others.

    A column that resembles a setting but is not one is a problem, as is a cell with an invalid value.
    """
    data: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, cell in row.items():
        if cell is None or not str(cell).strip():
            continue
        path = tuple(column.split("."))
        if path in _ROW_PATHS:
            inside = data
            for step in path[:-1]:
                inside = inside.setdefault(step, {})
            inside[path[-1]] = cell
        elif text := _column_problem(column):
            problems.append(Problem(path=path, text=text, whole=True))
    try:
        return VideoSections.model_validate(data), problems
    except ValidationError as error:
        invalid = problems_of(error, VideoSections)
    for problem in invalid:
        _remove(data, problem.path)
    return VideoSections.model_validate(data), [*problems, *invalid]


def _remove(data: dict[str, Any], path: Path) -> None:
    for step in path[:-1]:
        data = data[str(step)]
    del data[str(path[-1])]


def check_row(problems: Iterable[Problem], row: Mapping[str, str]) -> None:
    """Raise a ManifestError if a row has problems."""
    texts = tuple(map(str, problems))
    if texts:
        raise ManifestError("invalid settings in this row", problems=texts, where=str(row.get(URI_COLUMN, "")))


_ROW_PATHS = frozenset(leaves(VideoSections))
_JOB_PATHS = frozenset(
    {"chunks.pairs", "limits.max_held_frames", "output.uri", "output.exists", "retries.chunk", "cluster.address"}
)


def is_for_row(column: str) -> bool:
    """Return whether a table column is a setting or resembles one."""
    path = tuple(column.split("."))
    return path in _ROW_PATHS or bool(_column_problem(column))


@cache
def _column_problem(column: str) -> str:
    """Return what is wrong with a column that resembles a setting; "" if it does not resemble one."""
    if column in _JOB_PATHS:
        return f"column {column!r}: applies to the whole job and cannot be set in a row"
    head, dot, leaf = column.partition(".")
    settings = [dotted(path) for path in _ROW_PATHS]
    if not dot:
        section = subsection(VideoSections, head)
        if section is None:
            return ""
        return f"column {column!r}: is a section; name one of its settings, like {head}.{keys_of(section)[0]}"
    like = nearest(head, keys_of(VideoSections))
    is_meant = nearest(head, keys_of(VideoSections), cutoff=0.8) or f"{like}.{leaf}" in settings
    if not is_meant:
        return ""
    near = nearest(column, settings)
    return f"column {column!r}: unknown setting" + (f"; did you mean {near}?" if near else "")
