"""The ledger as a trace: Chrome's trace event format, which Perfetto (ui.perfetto.dev) opens.

    process   a machine; and one for the job, for processes that were lost
    thread    a slot: of a worker for chunks, of its machine for steps without a model; it holds one thing at a time
    slice     an attempt at a step; within that of a chunk its stages
    instant   an attempt that failed, at its end; a lost process; a video published or given up

The stages of a chunk alternate from picture to picture; here they follow one another, each as long as its total.
Times are microseconds since the first event shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from slomo_batch.report.slots import Slots
from slomo_batch.report.stages import STAGES, stage_label
from slomo_batch.sanitize import json_line

_ARGS = (
    *("source_uri", "output_uri", "video_id", "attempt", "frames", "size_bytes", "read_bytes", "written_bytes"),
    *("device", "error", "reason"),
)
_COLUMNS = ("kind", "step", "chunk", "host", "process", "took_s", *_ARGS, *(f"seconds_{stage}" for stage in STAGES))
_JOB = "the job"
_HOUR_US = 3_600_000_000

_Event = Mapping[str, Any]


def trace(ledger: pa.Table, *, last_hours: float | None = None) -> Iterator[str]:
    """The trace's JSON in pieces. `last_hours`: only rows that began within so many hours before the last one."""
    rows = _rows(ledger, last_hours)
    zero_us = rows["at_us"][0].as_py() if rows.num_rows else 0
    tracks = _Tracks()
    about = {"began_utc": datetime.fromtimestamp(zero_us / 1e6, UTC).isoformat()}
    yield f'{{"displayTimeUnit": "ms", "otherData": {json_line(about)}, "traceEvents": [\n'
    between = ""
    for batch in rows.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            for event in _events(row, row["at_us"] - zero_us, tracks):
                yield between + json_line(event)
                between = ",\n"
    yield "\n]}\n"


def _rows(ledger: pa.Table, last_hours: float | None) -> pa.Table:
    """The rows to show, in the order in which they began; not chunks that were found committed, which have no time."""
    ledger = ledger.filter(pc.not_equal(ledger["kind"], "spent"))
    at_us = pc.coalesce(ledger["began_utc"], ledger["time_utc"]).cast(pa.int64())
    rows = ledger.select(_COLUMNS).append_column("at_us", at_us)
    rows = rows.filter(pc.or_(ledger["began_utc"].is_valid(), pc.not_equal(ledger["kind"], "chunk")))
    if last_hours is not None and rows.num_rows:
        rows = rows.filter(pc.greater_equal(rows["at_us"], pc.max(rows["at_us"]).as_py() - last_hours * _HOUR_US))
    return rows.sort_by("at_us")


# ---- a row's events --------------------------------------------------------------------------------------------------


def _events(row: Mapping[str, Any], at_us: int, tracks: "_Tracks") -> Iterator[_Event]:
    if row["took_s"] is None:
        slot, begun = tracks.point("videos" if row["step"] is None else "lost processes")
        yield from begun
        yield _instant(_title(row), at_us, slot, _args(row))
        return
    end_us = at_us + round(row["took_s"] * 1e6)
    group = f"worker {row['process']}" if row["step"] == "interpolate" else "steps"
    slot, begun = tracks.stretch(row["host"], group, at_us, end_us)
    yield from begun
    yield _slice(_title(row), at_us, end_us, slot, _args(row))
    yield from _stages(row, at_us, end_us, slot)
    if row["kind"] == "failure":
        yield _instant(row["error"], end_us, slot, _args(row))


def _title(row: Mapping[str, Any]) -> str:
    """For a person: chunk 3 of clip.mp4; published clip.mp4."""
    name = PurePosixPath(row["source_uri"]).name
    if row["step"] is None:
        return f"{'published' if row['kind'] == 'video' else 'given up'} {name}"
    return f"chunk {row['chunk']} of {name}" if row["step"] == "interpolate" else f"{row['step']} {name}"


def _args(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _ARGS if row[name] not in (None, "")}


def _stages(row: Mapping[str, Any], begin_us: int, end_us: int, slot: "_Slot") -> Iterator[_Event]:
    at_us, spent_s = begin_us, 0.0
    for stage in STAGES:
        spent_s += row[f"seconds_{stage}"] or 0.0
        until_us = min(end_us, begin_us + round(spent_s * 1e6))
        if until_us > at_us:
            yield _slice(stage_label(stage), at_us, until_us, slot, {})
        at_us = until_us


def _slice(name: str, begin_us: int, end_us: int, slot: "_Slot", args: Mapping[str, Any]) -> _Event:
    return {
        "ph": "X", "name": name, "ts": begin_us, "dur": end_us - begin_us, "pid": slot.pid, "tid": slot.tid,
        "args": args,
    }  # fmt: skip


def _instant(name: str, at_us: int, slot: "_Slot", args: Mapping[str, Any]) -> _Event:
    return {"ph": "i", "s": "t", "name": name, "ts": at_us, "pid": slot.pid, "tid": slot.tid, "args": args}


# ---- tracks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Slot:
    """One track."""

    pid: int
    tid: int


class _Tracks:
    """Machines and their slots, numbered as they appear. Processes and threads share one sequence of numbers."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._pids: dict[str, int] = {}
        self._slots = Slots()
        self._tracks: dict[tuple[str, str, int], _Slot] = {}

    def point(self, name: str) -> tuple[_Slot, list[_Event]]:
        """The job's track of this name, for events without duration."""
        return self.stretch(_JOB, name, 0, 0)

    def stretch(self, machine: str, group: str, begin_us: int, end_us: int) -> tuple[_Slot, list[_Event]]:
        """Take a slot of the machine's group from `begin_us` to `end_us`. Returns it, with the events that name it if
        it is new. Call this in the order of `begin_us`."""
        number = self._slots.take((machine, group), begin_us, end_us)
        known = self._tracks.get((machine, group, number))
        if known is not None:
            return known, []
        pid, begun = self._machine(machine)
        track = self._tracks[machine, group, number] = _Slot(pid, next(self._numbers))
        name = group if machine == _JOB else f"{group}, slot {number + 1}"
        begun.append({"ph": "M", "name": "thread_name", "pid": pid, "tid": track.tid, "args": {"name": name}})
        return track, begun

    def _machine(self, name: str) -> tuple[int, list[_Event]]:
        if name in self._pids:
            return self._pids[name], []
        pid = self._pids[name] = next(self._numbers)
        return pid, [{"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}]
