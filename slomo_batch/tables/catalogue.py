"""Catalogues: tables of videos, as Parquet, CSV or JSON lines, read into rows of text.

A row is a `uri` and the text of every other cell that holds something. Numbers keep the spelling they have in the file
("2.50" stays "2.50"; a Parquet number is spelled as short as it can be, whole ones without a point). Nested fields get
dotted names. What a column means is not known here. Every fault of a catalogue is told at once.
"""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
MAX_FAULTS = 20
"""Faults told of one catalogue; the others are counted."""
EXACT_BELOW = 2**53
"""Whole numbers below this are exact as floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRow:
    """One video of a catalogue."""

    uri: str
    settings: Mapping[str, str]
    """Text of the other cells that hold something, by column."""
    line: int
    """Where the row stands in the file, for messages: the line of text at which it ends; the row's number, from 1, in
    Parquet."""


RawRow = tuple[int, Mapping[str, str | None]]
"""A row's line, and its cells by column."""


def read_catalogue(data: bytes, name: str) -> Iterator[CatalogueRow]:
    """The rows of a catalogue; `name` (a file name or uri) says by its suffix what the bytes are.

    The whole catalogue is judged before the first row is given out.

    Raises:
        ManifestError: not such a file, no column `uri`, no rows, or rows that cannot be read.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _READERS:
        known = ", ".join(_READERS)
        raise ManifestError(f"not a catalogue: its name must end in one of {known}", where=name)
    faults: list[str] = []
    rows = list(_judged(_READERS[suffix](data, name, faults), faults))
    if faults:
        told = faults[:MAX_FAULTS]
        if len(faults) > MAX_FAULTS:
            told.append(f"and {len(faults) - MAX_FAULTS:,} more")
        raise ManifestError("the catalogue has rows that cannot be read", faults=tuple(told), where=name)
    if not rows:
        raise ManifestError("the catalogue has no rows", where=name)
    return iter(rows)


def _judged(rows: Iterator[RawRow], faults: list[str]) -> Iterator[CatalogueRow]:
    for line, cells in rows:
        texts = {column: text for column, cell in cells.items() if (text := _text(cell)) is not None}
        uri = texts.pop(URI_COLUMN, None)
        if uri is None:
            faults.append(f"line {line}: no uri")
        else:
            yield CatalogueRow(uri=uri, settings=texts, line=line)


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


def _read_csv(data: bytes, name: str, faults: list[str]) -> Iterator[RawRow]:
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), skipinitialspace=True, strict=True)
        columns = [column.strip() for column in next(lines, [])]
        _require_columns(columns, name)
        for cells in lines:
            if len(cells) == len(columns):
                yield lines.line_num, dict(zip(columns, cells, strict=True))
            elif cells:
                faults.append(f"line {lines.line_num}: {len(cells)} cells under {len(columns)} columns")
    except (UnicodeDecodeError, csv.Error) as error:
        _unreadable(name, "CSV in UTF-8", error)


# ---- JSON lines ------------------------------------------------------------------------------------------------------


def _read_json_lines(data: bytes, name: str, faults: list[str]) -> Iterator[RawRow]:
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        _unreadable(name, "JSON lines in UTF-8", error)
    columns: dict[str, None] = {}
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        cells = _json_row(line, text, faults)
        columns.update(dict.fromkeys(cells or ()))
        if cells is not None:
            yield line, cells
    if columns and URI_COLUMN not in columns:
        _require_columns(list(islice(columns, MAX_FAULTS)), name)


def _json_row(line: int, text: str, faults: list[str]) -> Mapping[str, str | None] | None:
    try:
        row = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        faults.append(f"line {line}: not JSON: {error}")
        return None
    if not isinstance(row, dict):
        faults.append(f"line {line}: not an object; each line holds one, such as {{'uri': ...}}")
        return None
    return dict(_flat(row, ""))


def _flat(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str | None]]:
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str) or value is None:
            yield f"{prefix}{key}", value
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)


# ---- Parquet ---------------------------------------------------------------------------------------------------------


def _read_parquet(data: bytes, name: str, faults: list[str]) -> Iterator[RawRow]:
    del faults
    try:
        table = pq.read_table(io.BytesIO(data))
        while any(pa.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
    except (pa.ArrowException, OSError) as error:
        _unreadable(name, "Parquet", error)
    _require_columns(table.column_names, name)
    columns = {column: texts for column in table.column_names if (texts := _texts(table[column])) is not None}
    if URI_COLUMN not in columns:
        raise ManifestError(f"the column {URI_COLUMN!r} is {table.schema.field(URI_COLUMN).type}, not text", where=name)
    for number, cells in enumerate(zip(*columns.values(), strict=True), 1):
        yield number, dict(zip(columns, cells, strict=True))


def _texts(column: Any) -> list[str | None] | None:
    """The cells of a Parquet column as text, None where they hold nothing; no list where the bytes are no text."""
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            column = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return None
    if pa.types.is_floating(kind):
        return [_number(value) for value in column.to_numpy()]
    return [_spelled(value) for value in column.to_pylist()]


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


_READERS: Mapping[str, Callable[[bytes, str, list[str]], Iterator[RawRow]]] = {
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json_lines,
}
