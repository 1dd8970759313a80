"""Metrics: a job's events as Prometheus sees them, exported by the Ray it runs on. One more display of the one stream.

The driver learns of everything, so it alone counts; what workers measured comes back to it with their outcomes. Tags
take few values, known beforehand: no metric names a video, a worker or a machine.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, get_args

from ray.util.metrics import Counter, Gauge

from slomo_batch.attempts import CallStats, Errored, Lost, StepName, Succeeded
from slomo_batch.records.commits import ChunkDone
from slomo_batch.report.events import Event, Snapshot
from slomo_batch.report.stage_shares import StageShares
from slomo_batch.report.stages import STAGES

"""What the time of a chunk is divided into."""
WAITING_STEPS = tuple(step for step in get_args(StepName) if step != "interpolate")
"""Steps without a model."""
PREFIX = "slomo_batch_"
"""Before every name; Ray puts `ray_` before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; all carry the tag `job` besides their own."""

    name: str
    kind: Literal["counter", "gauge"]
    tags: tuple[str, ...] = ()
    meaning: str


FRAMES = Metric(name="frames_total", kind="counter", tags=("kind",), meaning="output frames committed")
CHUNKS = Metric(name="chunks", kind="gauge", tags=("state",), meaning="chunks of the videos opened so far")
VIDEOS = Metric(name="videos", kind="gauge", tags=("state",), meaning="videos of the job")
STEPS_RUNNING = Metric(name="steps_running", kind="gauge", tags=("step",), meaning="steps without a model in flight")
OLDEST_WAITING_STEP = Metric(
    name="oldest_waiting_step_seconds",
    kind="gauge",
    tags=("step",),
    meaning="how long the step has waited that waits longest for a machine to begin it; 0: none waits",
)
WORKERS = Metric(name="workers", kind="gauge", meaning="workers that live")
SLOTS = Metric(name="slots", kind="gauge", tags=("state",), meaning="chunks that the workers can hold at a time")
FAILED = Metric(
    name="failed_attempts_total",
    kind="counter",
    tags=("step", "error"),
    meaning="attempts that came to nothing, by class of the error",
)
STEP_SECONDS = Metric(
    name="step_seconds_total", kind="counter", tags=("step",), meaning="seconds that calls took on their machines"
)
STAGE_SECONDS = Metric(
    name="stage_seconds_total", kind="counter", tags=("stage",), meaning="seconds that committed chunks took by stage"
)
STAGE_SHARE = Metric(
    name="stage_share",
    kind="gauge",
    tags=("stage",),
    meaning="share of each stage in the seconds of the chunks committed in the last 15 minutes; 0: none was committed",
)
READ_BYTES = Metric(name="read_bytes_total", kind="counter", tags=("step",), meaning="bytes of objects read")
WRITTEN_BYTES = Metric(name="written_bytes_total", kind="counter", tags=("step",), meaning="bytes of objects written")
TOLD = Metric(name="told_timestamp_seconds", kind="gauge", meaning="when the driver last told where the job stands")
METRICS = (
    FRAMES,
    CHUNKS,
    VIDEOS,
    STEPS_RUNNING,
    OLDEST_WAITING_STEP,
    WORKERS,
    SLOTS,
    FAILED,
    STEP_SECONDS,
    STAGE_SECONDS,
    STAGE_SHARE,
    READ_BYTES,
    WRITTEN_BYTES,
    TOLD,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A gauge's value, or what is added to a counter."""

    metric: Metric
    value: float
    tags: Mapping[str, str] = field(default_factory=dict)


# ---- what an event comes to ------------------------------------------------------------------------------------------


def samples_of(event: Event) -> Iterator[Sample]:
    """What the metrics learn of an event."""
    match event:
        case Succeeded(result=ChunkDone() as done):
            yield from _chunk(done)
            yield from _stats("interpolate", None if event.was_found else event.stats)
        case Succeeded():
            yield from _stats(event.head.step, event.stats)
        case Errored() | Lost():
            yield Sample(metric=FAILED, value=1, tags={"step": event.head.step, "error": event.error_name})
            yield from _stats(event.head.step, event.stats)
        case Snapshot():
            yield from _snapshot(event)
        case _:
            return


def _chunk(done: ChunkDone) -> Iterator[Sample]:
    for kind in ("source", "made", "held_at_cut", "held_repeat", "held_in_doubt"):
        yield Sample(metric=FRAMES, value=getattr(done.counts, kind), tags={"kind": kind})
    for stage, seconds in stage_seconds(done).items():
        yield Sample(metric=STAGE_SECONDS, value=seconds, tags={"stage": stage})


def stage_seconds(done: ChunkDone) -> dict[str, float]:
    """Seconds of a chunk by stage."""
    return {stage: getattr(done.seconds, stage) for stage in STAGES}


def _stats(step: StepName, stats: CallStats | None) -> Iterator[Sample]:
    if stats is not None:
        yield Sample(metric=STEP_SECONDS, value=stats.took_s, tags={"step": step})
        yield Sample(metric=READ_BYTES, value=stats.read_bytes, tags={"step": step})
        yield Sample(metric=WRITTEN_BYTES, value=stats.written_bytes, tags={"step": step})


def _snapshot(event: Snapshot) -> Iterator[Sample]:
    chunks = {
        "waiting": event.chunks_waiting,
        "ready": event.chunks_ready,
        "running": event.chunks_running,
        "done": event.chunks_done,
        "failed": event.chunks_failed,
    }
    videos = {
        "waiting": event.videos_total - event.videos_done - event.videos_failed - event.videos_open,
        "open": event.videos_open,
        "done": event.videos_done,
        "failed": event.videos_failed,
    }
    busy = min(event.chunks_running, event.slots)
    for metric, states in ((CHUNKS, chunks), (VIDEOS, videos), (SLOTS, {"busy": busy, "free": event.slots - busy})):
        for state, number in states.items():
            yield Sample(metric=metric, value=max(0, number), tags={"state": state})
    for step, number in event.steps_running:
        yield Sample(metric=STEPS_RUNNING, value=number, tags={"step": step})
    for step, waited_s in event.steps_waiting_s:
        yield Sample(metric=OLDEST_WAITING_STEP, value=waited_s, tags={"step": step})
    yield Sample(metric=WORKERS, value=event.workers)


def share_samples(shares: Mapping[str, float]) -> Iterator[Sample]:
    """What the metrics learn of the shares of the stages; all stages have one."""
    for stage in STAGES:
        yield Sample(metric=STAGE_SHARE, value=shares.get(stage, 0.0), tags={"stage": stage})


def at_the_end() -> Iterator[Sample]:
    """What holds once the driver has let go of its workers: Ray shows a gauge's last value for a while longer."""
    yield Sample(metric=WORKERS, value=0)
    for state in ("busy", "free"):
        yield Sample(metric=SLOTS, value=0, tags={"state": state})
    for step in WAITING_STEPS:
        yield Sample(metric=OLDEST_WAITING_STEP, value=0, tags={"step": step})


# ---- Ray -------------------------------------------------------------------------------------------------------------


class RayMetrics:
    """A display whose audience is Prometheus. Open while this process is connected to Ray."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._shares = StageShares()
        self._instruments: dict[str, Any] = {metric.name: _instrument(metric) for metric in METRICS}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sample in at_the_end():
            self._record(sample)

    def show(self, event: Event) -> None:
        """Count what happened."""
        for sample in samples_of(event):
            self._record(sample)
        match event:
            case Succeeded(result=ChunkDone() as done):
                self._shares.add(stage_seconds(done), time.monotonic())
            case Snapshot():
                for sample in share_samples(self._shares.shares(time.monotonic())):
                    self._record(sample)
                self._record(Sample(metric=TOLD, value=time.time()))

    def _record(self, sample: Sample) -> None:
        instrument, tags = self._instruments[sample.metric.name], {"job": self._job, **sample.tags}
        if sample.metric.kind == "gauge":
            instrument.set(sample.value, tags=tags)
        elif sample.value > 0:
            instrument.inc(sample.value, tags=tags)


def _instrument(metric: Metric) -> Any:
    kind: Any = Gauge if metric.kind == "gauge" else Counter
    return kind(PREFIX + metric.name, description=metric.meaning, tag_keys=("job", *metric.tags))
