"""Write scores as Parquet: one row per clip (or part of a data set), factor, evaluator and method."""

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = b"2"


def scores_parquet(rows: Sequence[Mapping[str, str | int | float | None]]) -> bytes:
    """Return the rows as the bytes of a Parquet file, one column per key; values may be None."""
    table = pa.Table.from_pylist([dict(row) for row in rows])
    table = table.cast(pa.schema([_float_if_null(field) for field in table.schema]))
    data = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({b"slomo_batch.scores": VERSION}), data)
    return data.getvalue()


def _float_if_null(field: pa.Field) -> pa.Field:
    """Return the field, as float64 if the column contains no value."""
    return pa.field(field.name, pa.float64()) if pa.types.is_null(field.type) else field
