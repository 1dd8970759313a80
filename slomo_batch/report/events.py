"""Events that a running job emits, and the answer of `status`.

Terminal, log and metrics are displays of one stream of events. Job and displays do not know each other, and nothing is
decided by events.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from slomo_batch.attempts import Attempt, StepName

VideoPhase = Literal["waiting", "opening", "surveying", "splitting", "making", "audio", "joining"]
"""What is done for a video: nothing now, planning, storing the packets of its chunks, frames, audio, the output."""
JobPhase = Literal[
    "starting",
    "waiting for workers",
    "opening",
    "surveying",
    "splitting",
    "making",
    "audio",
    "joining",
    "waiting",
    "paused",
    "stopping",
]
"""What a run does. starting: no frame is made yet; waiting: for a retry; paused: the store answers nobody."""

# ---- events --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a run does before its first and after its last frame, such as starting Ray."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityAdvanced:
    """How far an activity is that has many like pieces, such as reading the headers of all videos."""

    text: str
    """What is done."""
    num_done: int
    num_total: int
    """0 if it is not known."""
    per_s: float = 0.0
    """Since it began; 0 in its first seconds."""
    eta_s: float | None = None
    """Seconds until all are done; None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """The inputs are listed, and work begins."""

    name: str
    num_videos: int
    """Videos that this run makes."""
    work: str
    """URI of the work place."""
    videos_done: int = 0
    """Published by earlier runs."""
    videos_failed: int = 0
    """Failed in earlier runs; they wait for --retry-failed."""
    videos_refused: int = 0
    """Not started: missing, unsupported, or another file exists under the output's name."""
    title: str = ""
    """What a person sees in place of the name and the work place; empty: these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAdvanced:
    """A video is being surveyed: decoded once, before it is planned."""

    uri: str
    """Of the source."""
    num_pictures: int
    """Decoded so far."""
    num_total: int
    """All pictures of the video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOpened:
    """A video is planned."""

    uri: str
    """Of the source."""
    video_id: str
    num_chunks: int
    num_frames: int
    """Output frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPublished:
    """An output is verified and has its final name."""

    uri: str
    video_id: str
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
class VideoGivenUp:
    """A video will not be made by this run."""

    uri: str
    video_id: str
    """Empty where the video was never planned."""
    output_uri: str
    error: str
    """Name of the error class."""
    reason: str
    in_earlier_run: bool = False
    """Whether it failed in an earlier run, and waits for --retry-failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a person should know."""

    text: str
    uri: str = ""
    """What it is about; empty: the job."""
    is_detail: bool = False
    """Whether few people need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesTakenBack:
    """Frames that counted as made do not count any more, for a reason that the event before says."""

    uri: str
    video_id: str
    chunk: int | None
    """The chunk whose attempt failed; None: several chunks of the video."""
    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPaused:
    """The store answers nobody: until it does, nothing starts but a call now and then, and no failure counts."""

    since: str
    """ISO 8601 in UTC."""
    reason: str
    """The store's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResumed:
    """The store answers again, and the run continues."""

    seconds: float
    """Length of the pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStopping:
    """The run was asked to stop."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProgress:
    """How far a video is."""

    uri: str
    phase: VideoPhase
    frames_done: int
    """Of committed chunks and of attempts in progress."""
    frames_total: int
    """0 before the video is planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The progress of the whole job."""

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
    """Since the first frame of this run, over the later half of that time: at least one minute, at most five."""
    eta_s: float | None
    """Seconds until the end; None if unknown."""
    workers: int
    """Live workers."""
    slots: int
    """Chunks that these can hold at a time."""
    videos_open: int
    """Started and not ended."""
    chunks_waiting: int
    """Of the videos opened so far: their objects do not exist yet, or they wait for their back-off."""
    chunks_ready: int
    """They would run if a worker were free: the queue."""
    chunks_running: int
    """Attempts in flight: slots that are busy."""
    chunks_failed: int
    """Unmade chunks of failed videos."""
    steps_running: tuple[tuple[StepName, int], ...]
    """How many of each other step are in flight, with all steps listed."""
    phase: JobPhase = "making"
    """What the run does now."""
    frames_in_progress: int = 0
    """Made by attempts in flight; `frames_done` has only those of committed chunks."""
    frames_expected: int = 0
    """Of all videos of this run that have not failed: an estimate for those that are not opened yet."""
    fraction: float = 0.0
    """Share of these that is made, 0 to 1. It falls only after an event that says why."""
    workers_pending: int = 0
    """Workers that are starting or wait for a machine."""
    faults: int = 0
    """Attempts so far that failed and may be repeated."""
    videos: tuple[VideoProgress, ...] = ()
    """Videos in progress, some of them if they are many."""
    spent_hours: float = 0.0
    """Machine hours: of this run, and of all earlier ones if the job has a budget."""
    budget_hours: float | None = None
    """Machine hours that the job may use; None without a budget."""
    price_per_hour: float | None = None
    """Of a machine, if the budget is one of money."""
    steps_waiting_s: tuple[tuple[StepName, float], ...] = ()
    """For how many seconds the step of each kind that has waited longest waits for a machine to begin it, with all
    listed; 0 if none waits."""


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
    videos_left: int = 0
    """Neither published nor failed."""
    videos_to_retry: int = 0
    """Failed, and left out by the next run unless it has --retry-failed."""
    budget_reached: bool = False
    """Whether it stopped because the budget is spent."""
    spent_hours: float = 0.0
    """As in Snapshot."""
    budget_hours: float | None = None
    price_per_hour: float | None = None
    hours_left: float | None = None
    """About the machine hours that the rest of an interrupted job takes, as fast as this run; None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """The run ended with an error of the whole job."""

    error: str
    """Name of the error class."""
    reason: str


Event = (
    Activity
    | ActivityAdvanced
    | JobStarted
    | SurveyAdvanced
    | VideoOpened
    | Attempt
    | VideoPublished
    | VideoSkipped
    | VideoGivenUp
    | Note
    | FramesTakenBack
    | JobPaused
    | JobResumed
    | JobStopping
    | Snapshot
    | JobEnded
    | JobFailed
)


class Display(Protocol):
    """Shows events as they come; open while the job runs. A display with nothing to open or close derives from it."""

    def __enter__(self) -> Self:
        """Start to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        return

    def show(self, event: Event) -> None:
        """Show one event; called from one thread, and often."""


# ---- answers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed video."""

    uri: str
    error: str
    """Name of the error class."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """The progress of a job, as its driver stored it last."""

    job: str
    state: Literal["unknown", "running", "interrupted", "finished"]
    """unknown: the work place has no such job; interrupted: no driver works on it, and it is not finished."""
    videos_done: int
    videos_failed: int
    videos_total: int
    chunks_done: int
    chunks_total: int
    frames_done: int
    updated: str
    """When this was last written, ISO 8601 in UTC."""
    failures: tuple[Failure, ...]
    """Of the videos that failed last, at most 100."""
    began: str = ""
    """When the run began, ISO 8601 in UTC; empty if an earlier version wrote this."""
    frames_total: int = 0
    """Output frames of the videos opened so far."""
    frames_per_s: float = 0.0
    """Lately, if the run is not over."""
    eta_s: float | None = None
    """Seconds until the end, as far as it is known."""
    workers: int = 0
    """Live workers."""
    spent_hours: float = 0.0
    """Machine hours: of this run, and of all earlier ones if the job has a budget."""
    budget_hours: float | None = None
    """Machine hours that the job may use; None without a budget."""
    price_per_hour: float | None = None
    """Of a machine, if the budget is one of money."""
