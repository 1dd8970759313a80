"""Catalogues: tables of videos, as Parquet, CSV or JSON lines, read into rows of text.

A row is a `uri` and the text of every other cell that holds something. Numbers keep the spelling they have in the file
("2.50" stays "2.50"; a Parquet number is spelled as short as it can be, whole ones without a point). Nested fields get
dotted names. What a column means is not known here: the caller says which columns it wants and what is wrong with a
row. All faults of a catalogue are reported at once.
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
"""Cells that hold nothing, in lower case: how tools spell an empty cell when they write text."""
MAX_PROBLEMS = 20
"""Faults told of one catalogue; the others are counted."""
EXACT_BELOW = 2**53
"""Whole numbers below this are exact as floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """One video of a catalogue."""

    uri: str
    settings: Mapping[str, str]
    """Text of the other cells that hold something, by column."""
    line: int
    """Where the row stands in the file, for messages: the line of text at which it ends; the row's number, from 1, in
    Parquet."""


RawRow = tuple[int, Mapping[str, str | None]]
"""A row's line, and its cells by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One catalogue while it is read."""

    name: str
    wants: Callable[[str], bool]
    """Whether a column is read; `uri` always is."""
    faults: list[tuple[int, str]]
    """Line and text of what is wrong so far."""

    def fault(self, line: int, text: str) -> None:
        self.faults.append((line, text))

    def reads(self, column: str) -> bool:
        return column == URI_COLUMN or self.wants(column)


def read_catalog(
    data: bytes,
    name: str,
    *,
    wants: Callable[[str], bool] = lambda _column: True,
    check: Callable[[CatalogRow], Iterable[str]] = lambda _row: (),
) -> Iterator[CatalogRow]:
    """The rows of a catalogue; `name` (a file name or uri) says by its suffix what the bytes are.

    Only `uri` and the columns that `wants` accepts are read. `check` returns what is wrong with a row that could be
    read. The whole catalogue is checked before the first row is returned.

    Raises:
        ManifestError: not such a file, no column `uri`, no rows, or rows that cannot be read or that `check` refuses.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _READERS:
        known = ", ".join(_READERS)
        raise ManifestError(f"not a catalogue: its name must end in one of {known}", where=name)
    reading = _Reading(name=name, wants=wants, faults=[])
    rows = list(_with_uri(_READERS[suffix](data, reading), reading))
    for row in rows:
        for fault in check(row):
            reading.fault(row.line, fault)
    if reading.faults:
        unit = "row" if _READERS[suffix] is _read_parquet else "line"
        faults = _shortened(reading.faults, unit)
        raise ManifestError("the catalogue has rows that cannot be used", problems=faults, where=name)
    if not rows:
        raise ManifestError("the catalogue has no rows", where=name)
    return iter(rows)


def _shortened(faults: Sequence[tuple[int, str]], unit: str) -> tuple[str, ...]:
    """The first faults in the order of the lines, and how many more there are."""
    told = [f"{unit} {line}: {text}" for line, text in sorted(faults, key=lambda fault: fault[0])[:MAX_PROBLEMS]]
    if len(faults) > MAX_PROBLEMS:
        told.append(f"and {len(faults) - MAX_PROBLEMS:,} more")
    return tuple(told)


def _with_uri(rows: Iterator[RawRow], reading: _Reading) -> Iterator[CatalogRow]:
    for line, cells in rows:
        texts = {column: text for column, cell in cells.items() if (text := _text(cell)) is not None}
        uri = texts.pop(URI_COLUMN, None)
        if uri is not None:
            yield CatalogRow(uri=uri, settings=texts, line=line)
        else:
            reading.fault(line, "no uri")


def _text(cell: str | None) -> str | None:
    stripped = "" if cell is None else cell.strip()
    return None if stripped.lower() in ABSENT else stripped


def _require_columns(columns: Sequence[str], name: str) -> None:
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise ManifestError(f"the catalogue names a column twice: {', '.join(twice)}", where=name)
    if URI_COLUMN not in columns:
        found = ", ".join(repr(column) for column in columns) or "none"
        raise ManifestError(
            f"the catalogue has no column {URI_COLUMN!r}; its columns are {found}",
            where=name,
            remedy="CSV columns are separated by commas, the first line names them" if len(columns) == 1 else "",
        )


def _unreadable(name: str, kind: str, error: Exception) -> NoReturn:
    raise ManifestError(f"cannot be read as {kind}: {error}", where=name) from error


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
                reading.fault(lines.line_num, f"{len(cells)} cells under {len(columns)} columns")
    except (UnicodeDecodeError, csv.Error) as error:
        _unreadable(reading.name, "CSV in UTF-8", error)


# ---- JSON lines ------------------------------------------------------------------------------------------------------


def _read_json_lines(data: bytes, reading: _Reading) -> Iterator[RawRow]:
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        _unreadable(reading.name, "JSON lines in UTF-8", error)
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
        reading.fault(line, f"not JSON: {error}")
    else:
        reading.fault(line, "not an object; each line holds one, such as {'uri': ...}")
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
        texts, faults = _texts(table[column])
        if texts is not None:
            columns[column] = texts
        for number, text in faults:
            reading.fault(number, f"{column}: {text}")
            bad_rows.add(number)
    if URI_COLUMN not in columns:
        kind = table.schema.field(URI_COLUMN).type
        raise ManifestError(f"the column {URI_COLUMN!r} is {kind}, not text", where=reading.name)
    for number, cells in enumerate(zip(*columns.values(), strict=True), 1):
        if number not in bad_rows:
            yield number, dict(zip(columns, cells, strict=True))


def _names(schema: Any, prefix: str = "") -> list[str]:
    """The columns of a schema, those in structs by their dotted names."""
    names: list[str] = []
    for field in schema:
        inner = list(field.type) if pa.types.is_struct(field.type) else []
        names += _names(inner, f"{prefix}{field.name}.") if inner else [prefix + field.name]
    return names


def _prefixes(path: str) -> list[str]:
    """Every name that a path in a Parquet file may be part of: a.b.list.element is of a.b.list, a.b and a too."""
    steps = path.split(".")
    return [".".join(steps[:number]) for number in range(1, len(steps) + 1)]


def _texts(column: Any) -> tuple[list[str | None] | None, list[tuple[int, str]]]:
    """The cells of a Parquet column as text, None where they hold nothing, and what is wrong with which rows.

    No list where the bytes are not text.
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
        return [_spelled(value) for value in column.to_pylist()], []
    except _NOT_FOR_PYTHON:
        return _one_by_one(column)


_NOT_FOR_PYTHON = (pa.ArrowException, ValueError, OverflowError, LookupError, TypeError)
"""Raised for values that Python has no equal of: dates beyond year 9999, unknown time zones, text that is not UTF-8."""


def _one_by_one(column: Any) -> tuple[list[str | None], list[tuple[int, str]]]:
    texts: list[str | None] = []
    faults: list[tuple[int, str]] = []
    for number, value in enumerate(column, 1):
        try:
            texts.append(_spelled(value.as_py()))
        except _NOT_FOR_PYTHON as error:
            texts.append(None)
            faults.append((number, f"this {column.type} cannot be read ({error})"))
    return texts, faults


def _number(value: Any) -> str | None:
    """A NumPy float: a column of whole numbers with gaps in it is often stored as one of floats."""
    number = float(value)
    if math.isnan(number):
        return None
    return str(int(number)) if number.is_integer() and abs(number) < EXACT_BELOW else str(value)


def _spelled(value: object) -> str | None:
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
