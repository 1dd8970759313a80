"""The ledger: rows are stored once and in order, failures at once, and an unavailable store loses no row."""

import io
import os
import subprocess
import sys
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slomo_batch.attempts import CallStats, ChunkHead, Lost, StepHead, Succeeded
from slomo_batch.errors import StorageBusy, StoreUnusable
from slomo_batch.records.commits import ChunkDone, FrameCounts, Machine, StageSeconds
from slomo_batch.records.requests import Source
from slomo_batch.records.results import Published, VideoFailed
from slomo_batch.report import ledger
from slomo_batch.report.ledger import SCHEMA, LedgerWriter, compact, read_ledger
from slomo_batch.uri import Uri

MACHINE = Machine(host="node-1", device="A10G", builds="torch 2")
DONE = ChunkDone(
    video_id="v1",
    chunk_id="c1",
    index=3,
    attempt="a1",
    segment_key="segments/a1.nut",
    size_bytes=1000,
    sha256="s1",
    extradata_sha256="e",
    num_frames=8,
    max_reorder=2,
    frame_hashes=("h",) * 8,
    first_border_hash="b0",
    last_border_hash="b1",
    counts=FrameCounts(source=2, made=5, held_at_cut=1),
    machine=MACHINE,
    seconds=StageSeconds(decode=0.5, model=3.5, total=4.25),
)
PUBLISHED = Published(
    video_id="v1",
    source=Source(uri=Uri("s3://archive/a.mp4"), size_bytes=1, fingerprint="f"),
    output_uri=Uri("s3://slow/a.mp4"),
    size_bytes=5000,
    sha256="s2",
    num_frames=80,
    duration_s=Fraction(10, 3),
    counts=FrameCounts(source=20, made=60),
    frames_sha256="fs",
    weights_name="compact-1",
    machines=(MACHINE, replace(MACHINE, host="node-2"), replace(MACHINE, host="node-3", device="L4")),
    notes=("padded by one column", "a subtitle track is not carried"),
)
FAILED = VideoFailed(
    source_uri="s3://archive/b.mp4", output_uri="s3://slow/b.mp4", error="SourceUnreadable", reason="it is empty"
)
STINT = CallStats(host="node-1", process=4711, began_s=1_699_999_990.5, took_s=4.5, read_bytes=900, written_bytes=1000)
HEAD = ChunkHead(video=0, uri="s3://archive/a.mp4", video_id="v1", lane="copy", chunk=3, chunk_id="c1", attempt="a1")
MADE = Succeeded(head=HEAD, stats=STINT, result=DONE)
FOUND = replace(MADE, head=replace(HEAD, attempt="a2"))
"""An attempt that found the chunk committed."""
SPLIT = Succeeded(
    head=StepHead(step="split", video=0, uri="s3://archive/a.mp4", video_id="v1"), stats=STINT, result=None
)
LOST = Lost(head=replace(HEAD, attempt="a0"), explained=True, cause="the node went away")


class Driver:
    """A ledger writer with a clock that does not advance and a folder of parts that can be out of order."""

    def __init__(self, epoch: int = 1) -> None:
        self.parts: dict[int, bytes] = {}
        self.now_s = 1_700_000_000.25
        self.busy = False
        self.writer = LedgerWriter(self.put, lambda: self.now_s, job="derby", epoch=epoch)

    def put(self, number: int, data: bytes) -> None:
        if self.busy:
            raise StorageBusy("throttled")
        self.parts[number] = data

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = read_ledger(self.parts.values()).to_pylist()
        return rows


def test_a_committed_chunk_is_recorded_with_its_frames_stages_and_machine() -> None:
    driver = Driver()
    driver.writer.attempt(MADE)
    driver.writer.flush()
    (row,) = driver.rows()
    recorded = {name: value for name, value in row.items() if value is not None}
    assert recorded.pop("time_utc").isoformat() == "2023-11-14T22:13:20.250000+00:00"
    assert recorded.pop("began_utc").isoformat() == "2023-11-14T22:13:10.500000+00:00"
    assert recorded == {
        "kind": "chunk", "epoch": 1, "row": 0, "job": "derby", "video_id": "v1", "source_uri": "s3://archive/a.mp4",
        "step": "interpolate", "took_s": 4.5, "process": 4711, "read_bytes": 900, "written_bytes": 1000,
        "chunk": 3, "chunk_id": "c1", "attempt": "a1", "frames": 8, "frames_source": 2, "frames_made": 5,
        "frames_held_at_cut": 1, "frames_held_repeat": 0, "frames_held_damaged": 0, "frames_held_in_doubt": 0,
        "size_bytes": 1000,
        "seconds_fetch": 0.0, "seconds_decode": 0.5, "seconds_judge": 0.0, "seconds_color": 0.0, "seconds_model": 3.5,
        "seconds_hash": 0.0, "seconds_encode": 0.0, "seconds_upload": 0.0, "seconds_total": 4.25, "host": "node-1",
        "device": "A10G", "builds": "torch 2", "numeric_classes": 1, "sha256": "s1",
    }  # fmt: skip


def test_a_published_video_records_whether_its_frames_have_several_numeric_classes() -> None:
    driver = Driver()
    driver.writer.published(PUBLISHED)
    driver.writer.published(replace(PUBLISHED, machines=PUBLISHED.machines[:2]))
    driver.writer.flush()
    mixed, alike = driver.rows()
    assert (mixed["kind"], mixed["frames"], mixed["frames_made"], mixed["weights"]) == ("video", 80, 60, "compact-1")
    assert mixed["duration_s"] == pytest.approx(10 / 3)
    assert (mixed["host"], mixed["device"], mixed["numeric_classes"]) == ("node-1; node-2; node-3", "A10G; L4", 2)
    assert alike["numeric_classes"] == 1
    assert mixed["notes"] == ["padded by one column", "a subtitle track is not carried"]
    assert mixed["chunk"] is None


def test_failed_attempts_make_waiting_rows_due_and_a_failed_video_is_stored_at_once() -> None:
    driver = Driver()
    driver.writer.attempt(FOUND)
    assert not driver.writer.due()
    for _ in range(2):
        driver.writer.attempt(LOST)
    assert driver.writer.due()
    assert not driver.parts
    driver.writer.flush()
    assert len(driver.parts) == 1
    assert not driver.writer.due()
    driver.writer.failed(FAILED)
    assert len(driver.parts) == 2
    _, attempt, _, video = driver.rows()
    assert (attempt["kind"], attempt["chunk"], attempt["retryable"]) == ("failure", 3, True)
    assert (video["kind"], video["chunk"], video["reason"]) == ("failure", None, "it is empty")


def test_a_step_is_recorded_with_its_time_and_machine() -> None:
    driver = Driver()
    driver.writer.attempt(SPLIT)
    driver.writer.flush()
    (row,) = driver.rows()
    assert (row["kind"], row["step"], row["video_id"], row["chunk"]) == ("step", "split", "v1", None)
    assert (row["host"], row["process"], row["took_s"], row["written_bytes"]) == ("node-1", 4711, 4.5, 1000)


def test_rows_are_due_after_a_minute_and_not_before() -> None:
    driver = Driver()
    assert not driver.writer.due()
    driver.writer.attempt(FOUND)
    driver.now_s += 59
    assert not driver.writer.due()
    driver.now_s += 1
    assert driver.writer.due()
    driver.writer.flush()
    assert not driver.writer.due()


def test_a_clock_that_is_set_back_makes_rows_due() -> None:
    driver = Driver()
    driver.writer.attempt(FOUND)
    driver.now_s -= 3600
    assert driver.writer.due()


def test_a_row_after_a_minute_stores_the_waiting_rows() -> None:
    driver = Driver()
    driver.writer.attempt(FOUND)
    driver.now_s += 61
    driver.writer.attempt(FOUND)
    assert len(driver.rows()) == 2


def test_a_full_part_is_stored_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "ROWS_PER_PART", 10)
    driver = Driver()
    for _ in range(25):
        driver.writer.attempt(FOUND)
    assert sorted(driver.parts) == [0, 1]
    assert [row["row"] for row in driver.rows()] == list(range(20))


def test_rows_that_failed_to_be_stored_are_stored_with_the_next_ones() -> None:
    driver = Driver()
    driver.busy = True
    with pytest.raises(StorageBusy):
        driver.writer.failed(FAILED)
    driver.busy = False
    driver.writer.attempt(FOUND)
    driver.writer.flush()
    assert list(driver.parts) == [0]
    assert [row["kind"] for row in driver.rows()] == ["failure", "chunk"]


def test_flushing_nothing_stores_nothing() -> None:
    driver = Driver()
    driver.writer.flush()
    assert not driver.parts


def test_compaction_keeps_every_row_and_reading_counts_each_once() -> None:
    first, second = Driver(epoch=1), Driver(epoch=2)
    for driver in (first, second):
        for _ in range(3):
            driver.writer.attempt(FOUND)
            driver.writer.failed(FAILED)
    parts = [*first.parts.values(), *second.parts.values()]
    whole = compact(parts)
    assert read_ledger([whole]).equals(read_ledger(parts))
    assert read_ledger([whole, *parts]).equals(read_ledger(parts))
    assert pq.ParquetFile(io.BytesIO(whole)).num_row_groups == 1
    assert read_ledger([compact([whole, *parts])]).num_rows == 12
    assert [(row["epoch"], row["row"]) for row in read_ledger(reversed(parts)).to_pylist()] == [
        (epoch, row) for epoch in (1, 2) for row in range(6)
    ]


def test_an_empty_ledger_has_the_columns_and_no_rows() -> None:
    assert read_ledger([]).schema.equals(SCHEMA)
    assert read_ledger([compact([])]).num_rows == 0


def test_every_column_has_a_description() -> None:
    assert all(field.metadata[b"meaning"] for field in SCHEMA)


def test_damaged_parts_and_parts_of_another_version_are_refused() -> None:
    driver = Driver()
    driver.writer.failed(FAILED)
    with pytest.raises(StoreUnusable, match="cannot be read"):
        read_ledger([driver.parts[0][:-20]])
    with pytest.raises(StoreUnusable, match="cannot be read"):
        read_ledger([b""])
    other = io.BytesIO()
    pq.write_table(pa.table({"kind": ["chunk"]}), other)
    with pytest.raises(StoreUnusable, match="another version"):
        compact([other.getvalue()])


NOT_IN_OLDER_PARTS = [field.name for field in SCHEMA if field.nullable and field.name != "source_uri"]


def _rewritten(part: bytes, columns: list[str], version: str = "2") -> bytes:
    """The same rows with these columns alone, as another version would have written them."""
    table = pq.read_table(io.BytesIO(part)).select(columns).replace_schema_metadata({"slomo_batch.ledger": version})
    data = io.BytesIO()
    pq.write_table(table, data)
    return data.getvalue()


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_parts_with_fewer_columns_are_read_and_compacted(version: str) -> None:
    driver = Driver()
    driver.writer.failed(FAILED)
    whole = read_ledger(driver.parts.values())
    columns = [name for name in reversed(SCHEMA.names) if name not in NOT_IN_OLDER_PARTS]
    older = _rewritten(driver.parts[0], columns, version)
    read = read_ledger([older])
    assert read.schema.equals(SCHEMA, check_metadata=True)
    assert read.select(columns).equals(whole.select(columns))
    assert all(read[name].null_count == 1 for name in NOT_IN_OLDER_PARTS)
    assert read_ledger([compact([older])]).equals(read)
    assert read_ledger([older, driver.parts[0]]).num_rows == 1


@pytest.mark.parametrize(
    ("columns", "version", "complaint"),
    [
        (SCHEMA.names, "5", "another version"),
        ([name for name in SCHEMA.names if name != "epoch"], "2", "columns of its version, got epoch"),
    ],
    ids=["newer", "without a column that every version has"],
)
def test_parts_that_do_not_match_their_version_are_refused(columns: list[str], version: str, complaint: str) -> None:
    driver = Driver()
    driver.writer.failed(FAILED)
    with pytest.raises(StoreUnusable, match=complaint):
        read_ledger([_rewritten(driver.parts[0], columns, version)])


def test_a_column_of_no_known_version_is_refused() -> None:
    driver = Driver()
    driver.writer.failed(FAILED)
    more = pq.read_table(io.BytesIO(driver.parts[0])).append_column("mood", pa.array(["good"]))
    data = io.BytesIO()
    pq.write_table(more, data)
    with pytest.raises(StoreUnusable, match="columns of its version, got mood"):
        read_ledger([data.getvalue()])


def test_any_text_is_recorded_as_it_is() -> None:
    driver = Driver()
    reason = 'it is "\\empty\\"\n\t\x07 é 😀'
    driver.writer.failed(replace(FAILED, reason=reason, source_uri=f"s3://archive/{'long ' * 500_000}"))
    (row,) = driver.rows()
    assert (row["reason"], len(row["source_uri"])) == (reason, 2_500_013)


def test_a_part_is_written_without_loading_pandas(tmp_path: Path) -> None:
    """Which takes longer than everything else that a command does once its videos are made."""
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was loaded')")
    code = (
        "from slomo_batch.report.ledger import LedgerWriter\n"
        "writer = LedgerWriter(lambda number, part: print(number), lambda: 1.5, job='derby', epoch=1)\n"
        "writer._add('video', notes=['padded'], duration_s=0.5)\n"
        "writer.flush()"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


def test_every_kind_of_frame_and_every_stage_has_a_column() -> None:
    names = [column.name for column in SCHEMA]
    counts = [f"frames_{one.name}" for one in fields(FrameCounts)]
    assert counts == [name for name in names if name.startswith("frames_") and name != "frames_sha256"]
    assert [f"seconds_{one.name}" for one in fields(StageSeconds)] == [one for one in names if one[:8] == "seconds_"]
