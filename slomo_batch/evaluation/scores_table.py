"""Scores of an evaluation as a Parquet file: a row per clip or part of a data set, factor, evaluator and contender."""

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = b"2"


def scores_parquet(rows: Sequence[Mapping[str, str | int | float | None]]) -> bytes:
    """The rows, whose columns are named by their keys, as the bytes of a Parquet file; measures may be missing."""
    table = pa.Table.from_pylist([dict(row) for row in rows])
    table = table.cast(pa.schema([_real_where_empty(field) for field in table.schema]))
    data = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({b"slomo_batch.scores": VERSION}), data)
    return data.getvalue()


def _real_where_empty(field: pa.Field) -> pa.Field:
    """The field; a column without any number is one of real numbers still."""
    return pa.field(field.name, pa.float64()) if pa.types.is_null(field.type) else field
