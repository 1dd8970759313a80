"""Catalogs: Parquet, CSV and JSON lines give the same rows of text, and every problem is reported with its line."""

import decimal
import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.catalog import MAX_PROBLEMS, read_catalog


def parquet(columns: Mapping[str, Any]) -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), data)
    return data.getvalue()


def settings_of(data: bytes, name: str) -> list[dict[str, str]]:
    return [{"uri": row.uri, **row.settings} for row in read_catalog(data, name)]


ROWS = [
    {"uri": "s3://archive/a.mp4", "retime.slowdown": "2.5", "retime.fps": "60000/1001", "title": 'Größe, und "so"'},
    {"uri": "s3://archive/b.mp4", "retime.slowdown": "4"},
]


def test_the_three_formats_give_the_same_rows() -> None:
    csv = (
        "uri,retime.slowdown,retime.fps,title\n"
        's3://archive/a.mp4,2.5,60000/1001,"Größe, und ""so"""\n'
        "s3://archive/b.mp4,4,,\n"
    )
    lines = (
        '{"uri": "s3://archive/a.mp4", "retime": {"slowdown": 2.5, "fps": "60000/1001"},'
        ' "title": "Größe, und \\"so\\""}\n'
        '{"uri": "s3://archive/b.mp4", "retime": {"slowdown": 4}, "title": null}\n'
    )
    table = parquet(
        {
            "uri": ["s3://archive/a.mp4", "s3://archive/b.mp4"],
            "retime.slowdown": [2.5, 4.0],
            "retime.fps": ["60000/1001", None],
            "title": ['Größe, und "so"', ""],
        }
    )
    assert settings_of(csv.encode(), "c.csv") == ROWS
    assert settings_of(lines.encode(), "s3://bucket/c.jsonl") == ROWS
    assert settings_of(table, "/archive/c.PARQUET") == ROWS


@pytest.mark.parametrize("written", ["2.5", "2.50", "1e1", "0.1", "12345678901234567890.10"])
def test_a_number_in_text_is_kept_as_written(written: str) -> None:
    assert settings_of(f"uri,x\na,{written}\n".encode(), "c.csv") == [{"uri": "a", "x": written}]
    assert settings_of(f'{{"uri": "a", "x": {written}}}'.encode(), "c.jsonl") == [{"uri": "a", "x": written}]


def test_parquet_values_of_every_type_become_short_text() -> None:
    data = parquet(
        {
            "uri": ["a"],
            "double": [0.1],
            "single": pa.array([0.1], pa.float32()),
            "whole": [20.0],
            "huge": [1e300],
            "integer": pa.array([7], pa.int8()),
            "decimal": [decimal.Decimal("2.50")],
            "truth": [True],
            "repeated": pa.array(["x"]).dictionary_encode(),
            "bytes": pa.array([b"text"]),
            "picture": pa.array([b"\xff\xd8"]),
            "tags": [["a", "b"]],
            "encode": [{"codec": "ffv1"}],
        }
    )
    assert settings_of(data, "c.parquet") == [
        {
            "uri": "a",
            "double": "0.1",
            "single": "0.1",
            "whole": "20",
            "huge": "1e+300",
            "integer": "7",
            "decimal": "2.50",
            "truth": "true",
            "repeated": "x",
            "bytes": "text",
            "tags": '["a", "b"]',
            "encode.codec": "ffv1",
        }
    ]


def test_empty_cells_are_absent_in_every_format() -> None:
    only_uri = [{"uri": "a"}]
    assert settings_of(b"uri,x,y,z\na,, NaN ,null\n", "c.csv") == only_uri
    assert settings_of(b'{"uri": "a", "x": null, "y": NaN, "z": ""}\n', "c.jsonl") == only_uri
    columns = {
        "uri": ["a"],
        "x": pa.array([None], pa.float64()),
        "y": [float("nan")],
        "z": pa.array([None], pa.int64()),
    }
    assert settings_of(parquet(columns), "c.parquet") == only_uri


def test_rows_have_their_line_numbers() -> None:
    csv = b'\xef\xbb\xbfuri,title\r\n"a","two\r\nlines"\r\n\r\nb,x\r\n'
    assert [row.line for row in read_catalog(csv, "c.csv")] == [3, 5]
    assert [row.line for row in read_catalog(b'{"uri": "a"}\n\n{"uri": "b"}', "c.jsonl")] == [1, 3]
    assert [row.line for row in read_catalog(parquet({"uri": ["a", "b"]}), "c.parquet")] == [1, 2]


def test_blanks_around_names_and_values_are_ignored() -> None:
    assert settings_of(b"uri , x\n a , 2 \n", "c.csv") == [{"uri": "a", "x": "2"}]


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"uri\na\n", "c.xlsx", "must end in one of .parquet"),
        (b"", "c.csv", "no column 'uri'"),
        (b"", "c.jsonl", "has no rows"),
        (b"uri,x\n", "c.csv", "has no rows"),
        (b"path,x\na,1\n", "c.csv", "its columns are 'path', 'x'"),
        (b"uri;x\na;1\n", "c.csv", "Separate CSV columns with commas"),
        (b"uri,x,x\na,1,2\n", "c.csv", "duplicate columns: x"),
        (b'{"path": "a"}\n', "c.jsonl", "no column 'uri'; its columns are 'path'"),
        (b"uri\n\xff\xfe\n", "c.csv", "cannot be read as CSV in UTF-8: byte 0xff at offset 4. Save the table as UTF-8"),
        (b"\xff\xfe\n", "c.jsonl", "cannot be read as JSON lines in UTF-8"),
        (b'uri\n"open\n', "c.csv", "line 2: cannot be read as CSV: a quote is not closed"),
        (b'uri\n"a"b\n', "c.csv", "line 2: cannot be read as CSV: a cell continues after its closing quote"),
        (b"PAR1 and then nothing", "c.parquet", "cannot be read as Parquet"),
        (b"", "c.parquet", "cannot be read as Parquet"),
        (parquet({"path": ["a"]}), "c.parquet", "its columns are 'path'"),
        (parquet({"uri": pa.array([], pa.string())}), "c.parquet", "has no rows"),
        (parquet({"uri": [b"\xff"]}), "c.parquet", "the column 'uri' has the type binary, expected text"),
    ],
)
def test_an_invalid_catalog_is_an_error_with_the_reason(data: bytes, name: str, says: str) -> None:
    with pytest.raises(ManifestError, match="c\\.") as caught:
        read_catalog(data, name)
    assert says in str(caught.value)
    assert str(caught.value).startswith(name)


def test_all_invalid_rows_are_reported_with_their_lines() -> None:
    with pytest.raises(ManifestError) as caught:
        read_catalog(b"uri,x\na,1\n,2\nb\nc,1,2\n", "c.csv")
    assert caught.value.problems == (
        "line 3: uri is missing",
        "line 4: expected 2 cells, got 1",
        "line 5: expected 2 cells, got 3",
    )
    with pytest.raises(ManifestError) as caught:
        read_catalog(b'{"uri": "a"}\n["a"]\n{"uri": \n{"x": 1}\n', "c.jsonl")
    assert [fault.split(":")[0] for fault in caught.value.problems] == ["line 2", "line 3", "line 4"]


def test_a_value_that_python_cannot_represent_is_reported_with_row_and_column() -> None:
    columns = {
        "uri": ["a", "b", "c"],
        "encode.preset": pa.array([0, 10_000_000, 1], pa.date32()),
        "audio": pa.array([0, 1, 2], pa.timestamp("us", tz="Mars/Olympus")),
    }
    with pytest.raises(ManifestError) as caught:
        read_catalog(parquet(columns), "c.parquet")
    problems = [fault.partition(" cannot be read")[0] for fault in caught.value.problems]
    zoned = "audio: this timestamp[us, tz=Mars/Olympus]"
    assert problems == [
        f"row 1: {zoned}",
        "row 2: encode.preset: this date32[day]",
        f"row 2: {zoned}",
        f"row 3: {zoned}",
    ]


def test_text_of_a_parquet_file_that_is_not_utf8_is_reported_with_its_row() -> None:
    damaged = pa.StringArray.from_buffers(2, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff"))
    with pytest.raises(ManifestError) as caught:
        read_catalog(parquet({"uri": damaged}), "c.parquet")
    assert [fault.partition(" cannot")[0] for fault in caught.value.problems] == ["row 2: uri: this string"]


def test_a_column_name_that_is_not_utf8_is_an_error_of_the_file() -> None:
    data = parquet({"uri": ["a"], "picked": ["x"]})
    with pytest.raises(ManifestError, match="cannot be read as Parquet"):
        read_catalog(data.replace(b"picked", b"pick\xffd"), "c.parquet")


def test_only_the_requested_columns_are_read() -> None:
    columns = {
        "uri": ["a"],
        "other": pa.array([10_000_000], pa.date32()),
        "encode": [{"codec": "ffv1", "made": 1}],
        "retime.fps": ["x2"],
    }
    wanted = {"encode.codec", "retime.fps"}
    [row] = read_catalog(parquet(columns), "c.parquet", wants=wanted.__contains__)
    assert row.settings == {"encode.codec": "ffv1", "retime.fps": "x2"}
    [row] = read_catalog(b"uri,encode.codec,x\na,ffv1,1\n", "c.csv", wants=wanted.__contains__)
    assert row.settings == {"encode.codec": "ffv1"}
    [row] = read_catalog(b'{"uri": "a", "x": 1, "encode": {"codec": "ffv1"}}', "c.jsonl", wants=wanted.__contains__)
    assert row.settings == {"encode.codec": "ffv1"}


def test_the_first_of_very_many_problems_are_listed_and_the_others_counted() -> None:
    with pytest.raises(ManifestError) as caught:
        read_catalog(b"uri,x\n" + b",1\n" * 30_000, "c.csv")
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert caught.value.problems[-1] == f"and {30_000 - MAX_PROBLEMS:,} more"


def test_a_catalog_of_fifty_thousand_rows_is_read_completely() -> None:
    rows = list(read_catalog(parquet({"uri": [f"v{n}" for n in range(50_000)], "x": [1.5] * 50_000}), "c.parquet"))
    assert len(rows) == 50_000
    assert rows[-1].uri == "v49999"
    assert rows[-1].settings == {"x": "1.5"}


cells = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(
    lambda text: text.lower() not in {"nan", "null"}
)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_any_text_survives_json_lines(rows: list[tuple[str, str]]) -> None:
    data = "".join(json.dumps({"uri": uri, "x": x}, ensure_ascii=False) + "\n" for uri, x in rows)
    assert [(row.uri, row.settings["x"]) for row in read_catalog(data.encode(), "c.jsonl")] == rows


@given(st.binary(max_size=200), st.sampled_from([".csv", ".jsonl", ".parquet"]))
def test_any_bytes_cause_rows_or_a_manifest_error(data: bytes, suffix: str) -> None:
    try:
        rows = list(read_catalog(data, f"c{suffix}"))
    except ManifestError:
        return
    assert all(row.uri for row in rows)
