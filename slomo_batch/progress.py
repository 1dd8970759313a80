"""What a running job tells whoever watches, as plain events; and what `plan` and `status` answer.

The job emits, a display shows: neither knows the other. Nothing here decides anything.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from slomo_batch.records import VideoFailed

# ---- events --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """The inputs are known; work begins."""

    name: str
    num_videos: int
    """Videos of this run, those already done left out."""
    work: str
    """URI of the work place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOpened:
    """A video is planned."""

    uri: str
    num_chunks: int
    num_frames: int
    """Output frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFinished:
    """A chunk is committed."""

    uri: str
    """Of the source."""
    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRetried:
    """An attempt at a chunk failed; another will be made."""

    uri: str
    index: int
    """Of the chunk in its video, from 0."""
    error: str
    """Name of the error class."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPublished:
    """An output stands under its final name, verified."""

    uri: str
    output_uri: str
    num_frames: int
    size_bytes: int
    notes: tuple[str, ...] = ()
    """What the output could not carry or what differs from the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSkipped:
    """A video needs no work."""

    uri: str
    output_uri: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a person should know."""

    text: str
    uri: str = ""
    """What it is about; empty: the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where the whole job stands."""

    videos_done: int
    """Published or skipped."""
    videos_failed: int
    videos_total: int
    chunks_done: int
    chunks_total: int
    """Of the videos opened so far."""
    frames_done: int
    frames_total: int
    """Of the videos opened so far."""
    frames_per_s: float
    """Over the last while."""
    eta_s: float | None
    """Seconds until the end, None while nobody can say."""
    workers: int
    """Workers that live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """The run is over."""

    videos_published: int
    videos_skipped: int
    videos_failed: int
    num_frames: int
    """Output frames made by this run."""
    seconds: float
    interrupted: bool = False
    """Stopped before its end; the next run resumes."""


Event = (
    JobStarted
    | VideoOpened
    | ChunkFinished
    | ChunkRetried
    | VideoPublished
    | VideoSkipped
    | VideoFailed
    | Note
    | Snapshot
    | JobEnded
)


class Display(Protocol):
    """Shows events as they come; open while the job runs."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def show(self, event: Event) -> None:
        """Show one event; called from one thread, and often."""


# ---- answers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What a run would do with one video."""

    uri: str
    output_uri: str
    state: str
    """What would become of it, in a word: make, resume, skip, fail."""
    num_source_frames: int
    num_output_frames: int
    num_chunks: int
    size_bytes: int
    """Of the source."""
    notes: tuple[str, ...]
    """What is odd about the file, and what the output will not have of it."""
    problem: str
    """Why it cannot be made; empty where it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One video that was given up."""

    uri: str
    error: str
    """Name of the error class."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """Where a job stands, from its ledger."""

    job: str
    state: Literal["unknown", "running", "interrupted", "finished"]
    """unknown: the work place knows no such job; interrupted: nobody works on it and it isn't finished."""
    videos_done: int
    videos_failed: int
    videos_total: int
    chunks_done: int
    chunks_total: int
    frames_done: int
    updated: str
    """When this was last written, ISO 8601 in UTC."""
    failures: tuple[Failure, ...]
