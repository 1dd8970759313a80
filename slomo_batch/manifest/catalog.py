"""Catalogs: tables of videos in Parquet, CSV or JSON lines, read into rows of text.

A row has a `uri` and the text of every other cell that is not empty. Numbers keep the text that they have in the file
("2.50" stays "2.50"); a Parquet number gets its shortest decimal, without a point if it is whole. Nested fields get
dotted names. The caller selects the columns and validates the rows. All problems of a catalog are reported together.
"""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from slomo_batch.errors import ManifestError

URI_COLUMN = "uri"
ABSENT = frozenset({"", "nan", "null"})
"""Cells that count as empty, in lower case: what tools write for an empty cell."""
MAX_PROBLEMS = 20
"""Problems that are listed for one catalog; the others are counted."""
EXACT_BELOW = 2**53
"""Integers below this are exact as floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """One video of a catalog."""

    uri: str
    """Empty if it is missing, which is a problem of the row."""
    settings: Mapping[str, str]
    """Text of the other cells that are not empty, by column."""
    line: int
    """Position of the row, for messages: the line at which it ends; in Parquet, its number, from 1."""


RawRow = tuple[int, Mapping[str, str | None]]
"""A row's line, and its cells by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A catalog that is being read."""

    name: str
    wants: Callable[[str], bool]
    """Returns whether a column is read; `uri` always is."""
    problems: list[tuple[int, str]]
    """Line and text of the problems so far."""

    def add_problem(self, line: int, text: str) -> None:
        self.problems.append((line, text))

    def reads(self, column: str) -> bool:
        return column == URI_COLUMN or self.wants(column)


def read_catalog(
    data: bytes,
    name: str,
    *,
    wants: Callable[[str], bool] = lambda _column: True,
    check: Callable[[CatalogRow], Iterable[str]] = lambda _row: (),
) -> Iterator[CatalogRow]:
    """Read the rows of a catalog. The suffix of `name` (a file name or URI) gives the format.

    Only `uri` and the columns that `wants` accepts are read. `check` returns the problems of a row. All rows
    are checked before the first row is returned.

    Raises:
        ManifestError: the format is unknown, there is no column `uri` or no row, or a row has a problem.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _READERS:
        known = ", ".join(_READERS)
        raise ManifestError(f"unsupported table; its name must end in one of {known}", where=name)
    reading = _Reading(name=name, wants=wants, problems=[])
    rows = list(_with_uri(_READERS[suffix](data, reading), reading))
    for row in rows:
        for problem in check(row):
            reading.add_problem(row.line, problem)
    if reading.problems:
        unit = "row" if _READERS[suffix] is _read_parquet else "line"
        raise ManifestError("invalid rows in the table", problems=_first(reading.problems, unit), where=name)
    if not rows:
        raise ManifestError("the table has no rows", where=name)
    return iter(rows)


def _first(problems: Sequence[tuple[int, str]], unit: str) -> tuple[str, ...]:
    """Return the first problems in the order of the lines, and the number of the others."""
    by_line = sorted(problems, key=lambda problem: problem[0])
    first = [f"{unit} {line}: {text}" for line, text in by_line[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        first.append(f"and {len(problems) - MAX_PROBLEMS:,} more")
    return tuple(first)


def _with_uri(rows: Iterator[RawRow], reading: _Reading) -> Iterator[CatalogRow]:
    for line, cells in rows:
        texts = {column: text for column, cell in cells.items() if (text := _text(cell)) is not None}
        uri = texts.pop(URI_COLUMN, "")
        if not uri:
            reading.add_problem(line, "uri is missing")
        yield CatalogRow(uri=uri, settings=texts, line=line)


def _text(cell: str | None) -> str | None:
    stripped = "" if cell is None else cell.strip()
    return None if stripped.lower() in ABSENT else stripped


def _require_columns(columns: Sequence[str], name: str) -> None:
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise ManifestError(f"the table has duplicate columns: {', '.join(twice)}", where=name)
    if URI_COLUMN not in columns:
        found = ", ".join(repr(column) for column in columns) or "none"
        raise ManifestError(
            f"the table has no column {URI_COLUMN!r}; its columns are {found}",
            where=name,
            remedy="Separate CSV columns with commas, and name them in the first line." if len(columns) == 1 else "",
        )


def _unreadable(name: str, kind: str, error: Exception) -> NoReturn:
    raise ManifestError(f"cannot be read as {kind}: {error}", where=name) from error


def _not_utf8(name: str, kind: str, error: UnicodeDecodeError) -> NoReturn:
    raise ManifestError(
        f"cannot be read as {kind} in UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start}",
        where=name,
        remedy="Save the table as UTF-8.",
    ) from error


_CSV_ERRORS = {
    "unexpected end of data": "a quote is not closed",
    "field larger than field limit (131072)": "a cell is longer than 131,072 characters, or a quote is not closed",
    """',' expected after '"'""": "a cell continues after its closing quote; write a quote in a cell twice",
}
"""What Python's messages mean."""


# ---- CSV -------------------------------------------------------------------------------------------------------------


def _read_csv(data: bytes, reading: _Reading) -> Iterator[RawRow]:
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), skipinitialspace=True, strict=True)
        columns = [column.strip() for column in next(lines, [])]
        _require_columns(columns, reading.name)
        for cells in lines:
            if len(cells) == len(columns):
                named = zip(columns, cells, strict=True)
                yield lines.line_num, {column: cell for column, cell in named if reading.reads(column)}
            elif cells:
                reading.add_problem(lines.line_num, f"expected {len(columns)} cells, got {len(cells)}")
    except UnicodeDecodeError as error:
        _not_utf8(reading.name, "CSV", error)
    except csv.Error as error:
        what = _CSV_ERRORS.get(str(error), str(error))
        raise ManifestError(f"cannot be read as CSV: {what}", where=f"{reading.name}, line {lines.line_num}") from error


# ---- JSON lines ------------------------------------------------------------------------------------------------------


def _read_json_lines(data: bytes, reading: _Reading) -> Iterator[RawRow]:
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        _not_utf8(reading.name, "JSON lines", error)
    columns: dict[str, None] = {}
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        cells = _json_row(line, text, reading)
        columns.update(dict.fromkeys(cells or ()))
        if cells is not None:
            yield line, {column: cell for column, cell in cells.items() if reading.reads(column)}
    if columns and URI_COLUMN not in columns:
        _require_columns(list(islice(columns, MAX_PROBLEMS)), reading.name)


def _json_row(line: int, text: str, reading: _Reading) -> Mapping[str, str | None] | None:
    try:
        row = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        if isinstance(row, dict):
            return dict(_flat(row, ""))
    except (ValueError, RecursionError) as error:
        reading.add_problem(line, f"invalid JSON: {error}")
    else:
        reading.add_problem(line, 'expected a JSON object, such as {"uri": ...}')
    return None


def _flat(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str | None]]:
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str) or value is None:
            yield f"{prefix}{key}", value
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)


# ---- Parquet ---------------------------------------------------------------------------------------------------------


def _read_parquet(data: bytes, reading: _Reading) -> Iterator[RawRow]:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        _require_columns(_names(file.schema_arrow), reading.name)
        leaves = [file.schema.column(number).path for number in range(len(file.schema))]
        table = file.read(columns=[leaf for leaf in leaves if any(map(reading.reads, _prefixes(leaf)))])
        while any(pa.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
    except (pa.ArrowException, OSError, UnicodeError) as error:
        _unreadable(reading.name, "Parquet", error)
    bad_rows: set[int] = set()
    columns: dict[str, list[str | None]] = {}
    for column in filter(reading.reads, table.column_names):
        texts, problems = _texts(table[column])
        if texts is not None:
            columns[column] = texts
        for number, text in problems:
            reading.add_problem(number, f"{column}: {text}")
            bad_rows.add(number)
    if URI_COLUMN not in columns:
        kind = table.schema.field(URI_COLUMN).type
        raise ManifestError(f"the column {URI_COLUMN!r} has the type {kind}, expected text", where=reading.name)
    for number, cells in enumerate(zip(*columns.values(), strict=True), 1):
        if number not in bad_rows:
            yield number, dict(zip(columns, cells, strict=True))


def _names(schema: Any, prefix: str = "") -> list[str]:
    """Return the columns of a schema. Those in structs have dotted names."""
    names: list[str] = []
    for field in schema:
        inner = list(field.type) if pa.types.is_struct(field.type) else []
        names += _names(inner, f"{prefix}{field.name}.") if inner else [prefix + field.name]
    return names


def _prefixes(path: str) -> list[str]:
    """Return every column that a Parquet path can belong to: a.b.list.element belongs to a.b.list, a.b and a too."""
    steps = path.split(".")
    return [".".join(steps[:number]) for number in range(1, len(steps) + 1)]


def _texts(column: Any) -> tuple[list[str | None] | None, list[tuple[int, str]]]:
    """Return the cells of a Parquet column as text, None for empty ones, and the problems by row.

    The list of cells is None if the column has bytes that are not text.
    """
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            column = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return None, []
    if pa.types.is_floating(kind):
        return [_number(value) for value in column.to_numpy()], []
    try:
        return [_as_text(value) for value in column.to_pylist()], []
    except _NOT_FOR_PYTHON:
        return _one_by_one(column)


_NOT_FOR_PYTHON = (pa.ArrowException, ValueError, OverflowError, LookupError, TypeError)
"""Errors for values that Python cannot represent: dates after year 9999, unknown time zones, text that is not UTF-8."""


def _one_by_one(column: Any) -> tuple[list[str | None], list[tuple[int, str]]]:
    texts: list[str | None] = []
    problems: list[tuple[int, str]] = []
    for number, value in enumerate(column, 1):
        try:
            texts.append(_as_text(value.as_py()))
        except _NOT_FOR_PYTHON as error:
            texts.append(None)
            problems.append((number, f"this {column.type} cannot be read ({error})"))
    return texts, problems


def _number(value: Any) -> str | None:
    """Format a NumPy float, without a point if it is whole: integer columns with empty cells are often stored so."""
    number = float(value)
    if math.isnan(number):
        return None
    return str(int(number)) if number.is_integer() and abs(number) < EXACT_BELOW else str(value)


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


_READERS: Mapping[str, Callable[[bytes, _Reading], Iterator[RawRow]]] = {
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json_lines,
}
