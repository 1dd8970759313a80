"""JobHistory: what a job did, summed up from its ledger for a page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slomo_batch.records.commits import FrameCounts
from slomo_batch.report.events import Failure
from slomo_batch.report.stages import STAGES

KINDS = tuple(field.name for field in fields(FrameCounts))
NUM_BINS = 120
"""Points of the throughput curve."""

Floats = NDArray[np.float64]
State = Literal["published", "failed", "unfinished"]


@dataclass(slots=True, kw_only=True)
class VideoHistory:
    """What became of one source video."""

    source_uri: str
    state: State = "unfinished"
    output_uri: str = ""
    frames: int = 0
    """Of the output."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Output frames by their kind (`records.FrameCounts`)."""
    size_bytes: int = 0
    duration_s: float = 0.0
    machine_s: float = 0.0
    """Time of workers and tasks that was spent on it, failed attempts included."""
    failed_attempts: int = 0
    notes: Sequence[str] = ()
    error: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """An attempt at a step, where and when."""

    host: str
    process: int
    step: str
    source_uri: str
    chunk: int | None
    """Its number; None unless the step is interpolate."""
    is_failure: bool
    began_s: float
    """Seconds since 1970."""
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Failed attempts with one error."""

    error: str
    step: str
    number: int
    lost_s: float
    """Machine time that they took, as far as it is known."""
    hosts: Sequence[str]
    reason: str
    """Of the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A stage of the chunks, in milliseconds per output frame."""

    stage: str
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    share: float
    """Of the time of all stages of all chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripHistory:
    """A chunk whose worker left a picture of the pair most worth a look."""

    video_id: str
    chunk_id: str
    source_uri: str
    frame: int
    """Number of the output frame in its middle."""
    doubt: int | None
    """How much the method doubts the pair, in sixteenths; None if it did not judge it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """What a job did in all its runs."""

    job: str
    began_s: float
    """Seconds since 1970."""
    ended_s: float
    runs: int
    run_s: float
    """How long a driver ran, in all runs together."""
    videos: Sequence[VideoHistory]
    attempts: Sequence[Attempted]
    """In the order in which they began."""
    faults: Sequence[Fault]
    """The most frequent first."""
    spreads: Sequence[Spread]
    chunks: Floats
    """When the chunks that were made began and ended, in seconds since 1970, and their output frames: [chunks, 3]."""
    read_bytes: int
    written_bytes: int
    strips: Sequence[StripHistory]
    """Those that the method doubts most first; one of each chunk."""

    def of_state(self, state: State) -> Sequence[VideoHistory]:
        """The videos in this state."""
        return [video for video in self.videos if video.state == state]

    @property
    def num_frames(self) -> int:
        """Output frames of all chunks that were made."""
        return int(self.chunks[:, 2].sum())

    @property
    def busy_s(self) -> float:
        """Time that workers spent on chunks."""
        return sum(one.took_s for one in self.attempts if one.step == "interpolate")


def history_of(ledger: pa.Table, failures: Iterable[Failure] = ()) -> JobHistory:
    """Sum up a ledger that has at least one row, as `report.ledger.read_ledger` returns it.

    `failures`: of the last run, also of videos that it did not start, which are in no ledger.
    """
    ledger = ledger.filter(pc.not_equal(ledger["kind"], "spent"))
    times_s, began_s = _seconds(ledger["time_utc"]), _seconds(ledger["began_utc"])
    made = ledger.filter(pc.and_(pc.equal(ledger["kind"], "chunk"), ledger["took_s"].is_valid()))
    return JobHistory(
        job=ledger["job"][0].as_py(),
        began_s=float(np.nanmin([times_s.min(), *began_s])),
        ended_s=float(times_s.max()),
        runs=len(ledger["epoch"].unique()),
        run_s=_run_s(ledger["epoch"].to_numpy(), times_s, began_s),
        videos=_videos(ledger, failures),
        attempts=_attempts(ledger),
        faults=_faults(ledger),
        spreads=_spreads(made),
        chunks=_chunks(made),
        read_bytes=pc.sum(ledger["read_bytes"]).as_py() or 0,
        written_bytes=pc.sum(ledger["written_bytes"]).as_py() or 0,
        strips=_strips(ledger),
    )


def _seconds(times: pa.ChunkedArray) -> Floats:
    """Times in seconds since 1970; nan where there is none."""
    seconds: Floats = times.cast(pa.int64()).to_numpy() / 1e6
    return seconds


def _run_s(epochs: NDArray[np.int64], times_s: Floats, began_s: Floats) -> float:
    """The time in which at least one driver of the job ran: from its first row, or the begin of its first attempt."""
    spans = sorted(
        (float(np.nanmin([times_s[of_run].min(), *began_s[of_run]])), float(times_s[of_run].max()))
        for of_run in (epochs == epoch for epoch in np.unique(epochs))
    )
    total_s, ended_s = 0.0, float("-inf")
    for begin_s, end_s in spans:
        total_s += max(0.0, end_s - max(begin_s, ended_s))
        ended_s = max(ended_s, end_s)
    return total_s


# ---- videos ----------------------------------------------------------------------------------------------------------


def _videos(ledger: pa.Table, failures: Iterable[Failure]) -> Sequence[VideoHistory]:
    """One for each source, in the order in which the ledger names them first. The last outcome counts."""
    spent = ledger.group_by("source_uri", use_threads=False).aggregate([("took_s", "sum")])
    videos = {
        uri: VideoHistory(source_uri=uri, machine_s=took_s or 0.0)
        for uri, took_s in zip(spent["source_uri"].to_pylist(), spent["took_s_sum"].to_pylist(), strict=True)
    }
    for row in ledger.filter(pc.is_in(ledger["kind"], pa.array(["video", "failure"]))).to_pylist():
        video = videos[row["source_uri"]]
        if row["kind"] == "video":
            _publish(video, row)
        elif row["step"] is None:
            video.state, video.output_uri = "failed", row["output_uri"] or ""
            video.error, video.reason = row["error"], row["reason"]
        else:
            video.failed_attempts += 1
    for failure in failures:
        video = videos.setdefault(failure.uri, VideoHistory(source_uri=failure.uri))
        video.state, video.error, video.reason = "failed", failure.error, failure.reason
    return list(videos.values())


def _publish(video: VideoHistory, row: Mapping[str, Any]) -> None:
    video.state, video.output_uri, video.frames = "published", row["output_uri"], row["frames"]
    video.counts = {kind: row[f"frames_{kind}"] or 0 for kind in KINDS}
    video.size_bytes, video.duration_s = row["size_bytes"], row["duration_s"]
    video.notes, video.error, video.reason = row["notes"] or (), "", ""


# ---- attempts --------------------------------------------------------------------------------------------------------


def _attempts(ledger: pa.Table) -> Sequence[Attempted]:
    timed = ledger.filter(pc.and_(ledger["took_s"].is_valid(), ledger["began_utc"].is_valid())).sort_by("began_utc")
    columns = [timed[name].to_pylist() for name in ("host", "process", "step", "source_uri", "chunk", "kind", "took_s")]
    return [
        Attempted(
            host=host or "",
            process=process or 0,
            step=step,
            source_uri=source_uri,
            chunk=chunk,
            is_failure=kind == "failure",
            began_s=began_s,
            took_s=took_s,
        )
        for host, process, step, source_uri, chunk, kind, took_s, began_s in zip(
            *columns, _seconds(timed["began_utc"]).tolist(), strict=True
        )
    ]


def _faults(ledger: pa.Table) -> Sequence[Fault]:
    failed = ledger.filter(pc.and_(pc.equal(ledger["kind"], "failure"), ledger["step"].is_valid()))
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in failed.select(["error", "step", "took_s", "host", "reason"]).to_pylist():
        alike.setdefault((row["error"], row["step"]), []).append(row)
    faults = [
        Fault(
            error=error,
            step=step,
            number=len(rows),
            lost_s=sum(row["took_s"] or 0.0 for row in rows),
            hosts=[host for host, _ in Counter(row["host"] for row in rows if row["host"]).most_common()],
            reason=rows[-1]["reason"],
        )
        for (error, step), rows in alike.items()
    ]
    return sorted(faults, key=lambda fault: -fault.number)


def _spreads(made: pa.Table) -> Sequence[Spread]:
    """How long each stage takes for a frame, over these chunks."""
    frames = made["frames"].to_numpy()
    took_s = {stage: made[f"seconds_{stage}"].fill_null(0.0).to_numpy() for stage in STAGES}
    all_s = sum(float(seconds.sum()) for seconds in took_s.values())
    spreads = []
    for stage, seconds in took_s.items() if all_s and frames.min() > 0 else ():
        p5, p25, median, p75, p95 = np.percentile(1000 * seconds / frames, (5, 25, 50, 75, 95)).tolist()
        share = float(seconds.sum()) / all_s
        spreads.append(Spread(stage=stage, p5=p5, p25=p25, median=median, p75=p75, p95=p95, share=share))
    return spreads


def _chunks(made: pa.Table) -> Floats:
    began_s = _seconds(made["began_utc"])
    return np.column_stack((began_s, began_s + made["took_s"].to_numpy(), made["frames"].to_numpy()))


def _strips(ledger: pa.Table) -> Sequence[StripHistory]:
    names = ("video_id", "chunk_id", "source_uri", "strip_frame", "strip_doubt")
    rows = ledger.filter(ledger["strip_frame"].is_valid()).select(names).to_pylist()
    strips = {
        row["chunk_id"]: StripHistory(
            video_id=row["video_id"],
            chunk_id=row["chunk_id"],
            source_uri=row["source_uri"],
            frame=row["strip_frame"],
            doubt=row["strip_doubt"],
        )
        for row in rows
    }
    return sorted(strips.values(), key=lambda strip: -1 if strip.doubt is None else strip.doubt, reverse=True)


# ---- over time -------------------------------------------------------------------------------------------------------


def throughput(history: JobHistory) -> tuple[Sequence[float], Sequence[float]]:
    """Times in seconds since 1970, and output frames per second in the interval that begins with each.

    The frames of a chunk are spread evenly over the time in which it was made.
    """
    span_s = max(1.0, history.ended_s - history.began_s)
    edges = np.linspace(history.began_s, history.began_s + span_s, NUM_BINS + 1)
    began_s, ended_s, frames = history.chunks.T
    took_s = np.maximum(ended_s - began_s, 1e-6)
    made = [float((frames * np.clip((edge - began_s) / took_s, 0.0, 1.0)).sum()) for edge in edges]
    return edges[:-1].tolist(), (np.diff(made) / (span_s / NUM_BINS)).round(3).tolist()
