"""Scores of an evaluation as a Parquet file: one row per clip, factor and contender."""

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = b"1"


def scores_parquet(rows: Sequence[Mapping[str, str | int | float]]) -> bytes:
    """The rows, whose columns are named by their keys, as the bytes of a Parquet file."""
    table = pa.Table.from_pylist([dict(row) for row in rows])
    data = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({b"slomo_batch.scores": VERSION}), data)
    return data.getvalue()
