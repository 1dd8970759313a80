"""The ledger: what happened, row by row, in Parquet parts that only the driver writes.

A row is one of five kinds:

    chunk     a committed segment
    step      an open, survey, split, sound or stitch that ended well
    video     a published output
    failure   a failed attempt at a step, or, without a `step`, a failed video
    spent     the machine time of the run since the last such row

Rows of chunks, steps and failed attempts have when, where and for how long, if the process could still send that. A
timeline is drawn from these.

Rows are gathered and stored as numbered parts of a driver's epoch. A failed attempt makes them due at once, so that it
is stored before the chunk is tried again. A part that could not be stored is stored again under its number with the
rows that came since, so a part is only ever replaced by itself and more. `epoch` and `row` identify a row: if parts and
their compaction exist side by side, reading counts each row once.

The ledger is history: a job goes on without it. Only a budget is decided by it.
"""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq
from numpy.typing import NDArray

from slomo_batch.attempts import Attempt, CallStats, ChunkHead, Head, Succeeded
from slomo_batch.errors import StoreUnusable
from slomo_batch.records.commits import ChunkDone, FrameCounts, Machine
from slomo_batch.records.results import Published, VideoFailed

ROWS_PER_PART = 50_000
"""A part is due when it holds this many rows,"""
SECONDS_PER_PART = 60.0
"""or when its first row has waited this long."""
VERSION = 4
"""Raised with every column that is added. Parts of older versions are read; the columns they lack are null."""
_VERSION_KEY = b"slomo_batch.ledger"


def _field(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


_FRAME_KINDS = {
    "source": "source frames, unchanged",
    "made": "interpolated frames",
    "held_at_cut": "copies of a source frame beside a scene cut",
    "held_repeat": "copies of a source frame that the source itself repeats",
    "held_damaged": "source frames that could not be decoded and were replaced by a neighbor",
    "held_in_doubt": "copies of a source frame, because the method doubts its frames",
}
_STAGES = {
    "fetch": "seconds in which a chunk's worker fetched its object",
    "decode": "seconds of decoding",
    "judge": "seconds of looking for cuts and repeated frames",
    "color": "seconds of conversion between planes and RGB",
    "model": "seconds of the interpolation method, over all threads",
    "hash": "seconds of hashing frames",
    "encode": "seconds of encoding and of checking the segment",
    "upload": "seconds of storing the segment",
    "total": "seconds from the first stage to the last",
}

SCHEMA: pa.Schema = pa.schema(
    [
        _field("kind", pa.string(), "chunk, step, video, failure or spent", nullable=False),
        _field("epoch", pa.int64(), "number of the driver that wrote the row", nullable=False),
        _field("row", pa.int64(), "number of the row within its epoch, from 0", nullable=False),
        _field("time_utc", pa.timestamp("us", tz="UTC"), "when the driver learned of it", nullable=False),
        _field("job", pa.string(), "name of the job", nullable=False),
        _field("video_id", pa.string(), "empty where a video failed before it was planned"),
        _field("source_uri", pa.string(), "the source video"),
        _field("output_uri", pa.string(), "the output; of videos only"),
        _field("step", pa.string(), "open, survey, split, interpolate, sound or stitch; empty for a whole video"),
        _field("chunk", pa.int64(), "place among the video's chunks, from 0; empty for a whole video"),
        _field("chunk_id", pa.string(), "id of the chunk"),
        _field("attempt", pa.string(), "id of the attempt at the chunk"),
        _field("frames", pa.int64(), "output frames"),
        *(_field(f"frames_{name}", pa.int64(), f"of them: {meaning}") for name, meaning in _FRAME_KINDS.items()),
        _field("size_bytes", pa.int64(), "of the segment or the output"),
        _field("duration_s", pa.float64(), "how long the output plays"),
        *(_field(f"seconds_{name}", pa.float64(), meaning) for name, meaning in _STAGES.items()),
        _field("strip_frame", pa.int64(), "number of the output frame in the middle of the chunk's strip"),
        _field("strip_doubt", pa.int64(), "how much the method doubts the frames of the strip's pair, in sixteenths"),
        _field("began_utc", pa.timestamp("us", tz="UTC"), "when the attempt began, by its machine's clock"),
        _field("took_s", pa.float64(), "how long it took there, waiting for stores included"),
        _field("process", pa.int64(), "number of the process that held it, on its host"),
        _field("read_bytes", pa.int64(), "contents of objects that it read from the stores"),
        _field("written_bytes", pa.int64(), "contents of objects that it wrote to them"),
        _field("host", pa.string(), "machine; for a video its machines, separated by '; '"),
        _field("device", pa.string(), "device model; for a video all of them"),
        _field("builds", pa.string(), "versions of the libraries that make pixels; for a video all of them"),
        _field("numeric_classes", pa.int64(), "distinct pairs of device and builds; above 1 made frames may differ"),
        _field("sha256", pa.string(), "of the segment or the output"),
        _field("frames_sha256", pa.string(), "over the hashes of a video's output frames before encoding"),
        _field("weights", pa.string(), "name of the weights a video was made with"),
        _field("error", pa.string(), "class of the error, of failures"),
        _field("reason", pa.string(), "its message, for a person"),
        _field("retryable", pa.bool_(), "whether another attempt at the chunk may succeed"),
        _field("machine_s", pa.float64(), "of `spent` rows: machine time since the last one of this run, in seconds"),
        _field("notes", pa.list_(pa.string()), "what the output could not carry, or how it differs from the source"),
    ],
    metadata={_VERSION_KEY: str(VERSION)},
)
"""The columns of every part, each with its meaning in the field's metadata."""


# ---- writing ---------------------------------------------------------------------------------------------------------


class LedgerWriter:
    """Gathers the rows of one driver and stores them in parts.

    `put` stores the bytes of a part under its number, from 0, replacing any; `clock` returns seconds since
    1970. Whatever `put` raises is raised on; the rows stay for the next try.
    """

    def __init__(self, put: Callable[[int, bytes], None], clock: Callable[[], float], *, job: str, epoch: int) -> None:
        self._put = put
        self._clock = clock
        self._job = job
        self._epoch = epoch
        self._rows: list[dict[str, Any]] = []
        self._num_rows = 0
        self._part = 0
        self._oldest_s = 0.0
        self._is_urgent = False

    def attempt(self, attempt: Attempt) -> None:
        """Add a row for what became of an attempt at a chunk or another step. A failure is due at once."""
        if isinstance(attempt, Succeeded):
            if isinstance(attempt.result, ChunkDone):
                self._chunk(attempt, attempt.result)
            else:
                self._add("step", **_where(attempt.head), **_stats(attempt.stats))
            return
        self._add(
            "failure",
            **_where(attempt.head),
            error=attempt.error_name,
            reason=attempt.reason,
            retryable=attempt.retryable,
            **_stats(attempt.stats),
        )
        self._is_urgent = True

    def _chunk(self, attempt: Succeeded, done: ChunkDone) -> None:
        self._add(
            "chunk",
            **_where(attempt.head) | {"attempt": done.attempt},
            frames=done.num_frames,
            size_bytes=done.size_bytes,
            sha256=done.sha256,
            **_counts(done.counts),
            **_strip(done),
            **{f"seconds_{name}": getattr(done.seconds, name) for name in _STAGES},
            **{**_stats(None if attempt.was_found else attempt.stats), **_machines((done.machine,))},
        )

    def published(self, video: Published) -> None:
        """Add a row for a published output."""
        self._add(
            "video",
            video_id=video.video_id,
            source_uri=video.source.uri,
            output_uri=video.output_uri,
            frames=video.num_frames,
            size_bytes=video.size_bytes,
            duration_s=float(video.duration_s),
            sha256=video.sha256,
            frames_sha256=video.frames_sha256,
            weights=video.weights_name,
            notes=list(video.notes),
            **_counts(video.counts),
            **_machines(video.machines),
        )

    def failed(self, video: VideoFailed) -> None:
        """Add a row for a video that failed; it is stored before this returns."""
        self._add(
            "failure",
            source_uri=video.source_uri,
            output_uri=video.output_uri,
            error=video.error,
            reason=video.reason,
        )
        self.flush()

    def spent(self, machine_s: float) -> None:
        """Add a row for the machine time since the last such row; it is due at once, with all rows before it."""
        self._add("spent", machine_s=round(machine_s, 3))
        self._is_urgent = True

    def due(self) -> bool:
        """Whether the gathered rows should be stored now: one is a failure, there are many, or the first has waited
        long."""
        if not self._rows:
            return False
        if self._is_urgent:
            return True
        waited_s = self._clock() - self._oldest_s
        return len(self._rows) >= ROWS_PER_PART or not 0 <= waited_s < SECONDS_PER_PART

    def flush(self) -> None:
        """Store the gathered rows as the next part, if there are any."""
        if not self._rows:
            return
        self._put(self._part, _part(_table(self._rows)))
        self._part += 1
        self._rows = []
        self._is_urgent = False

    def _add(self, kind: str, **cells: Any) -> None:
        now_s = self._clock()
        if not self._rows:
            self._oldest_s = now_s
        self._rows.append(
            {
                "kind": kind,
                "epoch": self._epoch,
                "row": self._num_rows,
                "time_utc": _microseconds(now_s),
                "job": self._job,
                **cells,
            }
        )
        self._num_rows += 1
        if not self._is_urgent and self.due():
            self.flush()


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _where(head: Head) -> dict[str, str | int]:
    cells: dict[str, str | int] = {"video_id": head.video_id, "source_uri": head.uri, "step": head.step}
    if isinstance(head, ChunkHead):
        cells |= {"chunk": head.chunk, "chunk_id": head.chunk_id, "attempt": head.attempt}
    return cells


def _stats(stats: CallStats | None) -> Mapping[str, str | int | float]:
    if stats is None:
        return {}
    return {
        "host": stats.host,
        "process": stats.process,
        "began_utc": _microseconds(stats.began_s),
        "took_s": stats.took_s,
        "read_bytes": stats.read_bytes,
        "written_bytes": stats.written_bytes,
    }


def _strip(done: ChunkDone) -> Mapping[str, int]:
    cells = {"strip_frame": done.strip_frame, "strip_doubt": done.strip_doubt}
    return {name: value for name, value in cells.items() if value >= 0}


def _counts(counts: FrameCounts) -> Mapping[str, int]:
    return {f"frames_{name}": getattr(counts, name) for name in _FRAME_KINDS}


def _machines(machines: Iterable[Machine]) -> Mapping[str, str | int]:
    known = tuple(machines)
    return {
        "host": _distinct(machine.host for machine in known),
        "device": _distinct(machine.device for machine in known),
        "builds": _distinct(machine.builds for machine in known),
        "numeric_classes": len({(machine.device, machine.builds) for machine in known}),
    }


def _distinct(names: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(names))


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows as a table, by way of JSON: pyarrow loads pandas for Python objects if it is installed, in 0.3 s."""
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    numbers = pa.schema(field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in SCHEMA)
    table = pj.read_json(
        pa.BufferReader(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines)),
        parse_options=pj.ParseOptions(explicit_schema=numbers, unexpected_field_behavior="error"),
    )
    return table.cast(SCHEMA)


def _part(table: pa.Table) -> bytes:
    data = io.BytesIO()
    pq.write_table(table, data, compression="zstd")
    return data.getvalue()


# ---- reading ---------------------------------------------------------------------------------------------------------

LedgerTable = pa.Table
"""A ledger that was read: a table with the columns of SCHEMA."""


def read_ledger(parts: Iterable[bytes]) -> pa.Table:
    """All rows of these parts, each once, in the order in which they happened.

    Raises:
        StoreUnusable: a part is damaged, or of a newer version.
    """
    whole = pa.concat_tables([SCHEMA.empty_table(), *_each_row_once(parts)])
    return whole.sort_by([("epoch", "ascending"), ("row", "ascending")])


def compact(parts: Iterable[bytes]) -> bytes:
    """One part that holds all rows of these, each once. Little more than one full part is held at a time.

    Raises:
        StoreUnusable: a part is damaged, or of a newer version.
    """
    data = io.BytesIO()
    with pq.ParquetWriter(data, SCHEMA, compression="zstd") as writer:
        for table in _joined(_each_row_once(parts)):
            writer.write_table(table)
    return data.getvalue()


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables: failures come in parts of a row each."""
    waiting: list[pa.Table] = []
    num_rows = 0
    for table in tables:
        waiting.append(table)
        num_rows += table.num_rows
        if num_rows >= ROWS_PER_PART:
            yield pa.concat_tables(waiting)
            waiting, num_rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _each_row_once(parts: Iterable[bytes]) -> Iterator[pa.Table]:
    seen: dict[int, NDArray[np.bool_]] = defaultdict(lambda: np.zeros(0, dtype=np.bool_))
    """By epoch and row: a byte for each row of the whole ledger."""
    for part in parts:
        table = _read_part(part)
        epochs, rows = table["epoch"].to_numpy(), table["row"].to_numpy()
        fresh = np.zeros(len(rows), dtype=np.bool_)
        for epoch in np.unique(epochs).tolist():
            of_epoch = epochs == epoch
            seen[epoch] = _reaching(seen[epoch], int(rows[of_epoch].max()) + 1)
            fresh[of_epoch] = ~seen[epoch][rows[of_epoch]]
            seen[epoch][rows[of_epoch]] = True
        yield table.filter(pa.array(fresh))


def _reaching(flags: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """The flags, and False for what is new, at least so many; doubled, so that growing costs little in all."""
    if len(flags) >= length:
        return flags
    return np.concatenate([flags, np.zeros(max(length, 2 * len(flags)) - len(flags), dtype=np.bool_)])


def _read_part(part: bytes) -> pa.Table:
    try:
        table = pq.read_table(io.BytesIO(part))
    except (pa.ArrowException, OSError) as error:
        raise StoreUnusable(
            f"a part of the ledger cannot be read: {error}",
            remedy="Move it away: commits and receipts, not the ledger, say what is done",
        ) from error
    return _with_all_columns(table)


def _with_all_columns(part: pa.Table) -> pa.Table:
    """A part with the columns of SCHEMA; one that an older version did not write is null."""
    version = (part.schema.metadata or {}).get(_VERSION_KEY, b"none").decode(errors="replace")
    if version not in map(str, range(1, VERSION + 1)):
        raise StoreUnusable(
            "a part of the ledger was written by another version of slomo_batch",
            expected=f"version {VERSION} or lower",
            got=version,
            remedy="Use the newest slomo_batch that ran this job.",
        )
    types = {field.name: field.type for field in part.schema}
    wrong = [field.name for field in SCHEMA if types.get(field.name, field.nullable and field.type) != field.type]
    wrong += sorted(types.keys() - set(SCHEMA.names))
    if wrong:
        raise StoreUnusable("a part of the ledger does not have the columns of its version", got=", ".join(wrong))
    columns = [part[field.name] if field.name in types else pa.nulls(len(part), field.type) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
