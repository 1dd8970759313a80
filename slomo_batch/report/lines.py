"""The lines that a person reads of a running job: what each event says, as text."""

from collections.abc import Iterator
from typing import Literal

from slomo_batch.attempts import Attempt, ChunkHead, Errored, Lost, Succeeded
from slomo_batch.records.commits import ChunkDone
from slomo_batch.report.events import (
    Activity,
    ActivityAdvanced,
    Event,
    FramesTakenBack,
    JobEnded,
    JobPaused,
    JobPhase,
    JobResumed,
    JobStarted,
    JobStopping,
    Note,
    Snapshot,
    SurveyAdvanced,
    VideoGivenUp,
    VideoOpened,
    VideoPublished,
    VideoSkipped,
)
from slomo_batch.report.units import counted, duration, size, spent, without_uri

Verbosity = Literal["quiet", "normal", "verbose"]
"""quiet: failures, and the end of a run that was not complete; verbose: also skipped videos, chunks and details."""
INDENT = 11
"""Columns before the text of a line, for its kind."""

PHASES: dict[JobPhase, str] = {
    "starting": "starting",
    "waiting for workers": "waiting for workers",
    "opening": "reading headers",
    "surveying": "surveying",
    "splitting": "splitting",
    "making": "making frames",
    "audio": "making audio",
    "joining": "joining",
    "waiting": "waiting to retry",
    "paused": "paused",
    "stopping": "stopping",
}
"""What a run does, for a person."""


def lines_of(event: Event, verbosity: Verbosity = "normal") -> Iterator[str]:
    """The lines to show for an event, other than progress and the end of a run."""
    if verbosity == "quiet" and not isinstance(event, VideoGivenUp | JobStopping):
        return
    if verbosity != "verbose" and is_detail(event):
        return
    yield from _lines(event)


def is_detail(event: Event) -> bool:
    """Whether only a verbose display shows the event."""
    match event:
        case VideoSkipped():
            return True
        case Succeeded(result=ChunkDone()):
            return True
        case VideoGivenUp(in_earlier_run=True) | Note(is_detail=True):
            return True
        case _:
            return False


def _lines(event: Event) -> Iterator[str]:
    match event:
        case Activity():
            yield f"{event.text} ..."
        case JobStarted():
            yield event.title or f"{event.name}: {_started(event)}; work in {event.work}"
        case Note():
            yield f"note       {event.uri}: {event.text}" if event.uri else f"note       {event.text}"
        case JobPaused():
            yield f"paused     since {event.since[11:19]} UTC: {event.reason}"
            yield f"{'':{INDENT}}the run continues when the store answers; until then no failure counts against a video"
        case JobResumed():
            yield f"continues  the store answers again after {duration(event.seconds)}"
        case JobStopping():
            yield event.text
        case Succeeded() | Errored() | Lost() | FramesTakenBack():
            yield from _attempt_lines(event)
        case _:
            yield from _video_lines(event)


def _attempt_lines(event: Attempt | FramesTakenBack) -> Iterator[str]:
    match event:
        case Succeeded(result=ChunkDone() as done, head=head):
            frames = counted(done.num_frames, "frame")
            yield f"made       {head.uri}, chunk {done.index}: {frames} in {duration(done.seconds.total)}"
        case Errored(retryable=True, head=head) | Lost(head=head):
            what = f"chunk {head.chunk}" if isinstance(head, ChunkHead) else head.step
            yield f"retry      {head.uri}, {what}: {event.error_name}: {without_uri(event.reason, head.uri)}"
        case FramesTakenBack():
            where = event.uri if event.chunk is None else f"chunk {event.chunk}"
            yield f"           {counted(event.num_frames, 'frame')} of {where} must be made again"


def _video_lines(event: Event) -> Iterator[str]:
    match event:
        case VideoOpened():
            frames, chunks = counted(event.num_frames, "frame"), counted(event.num_chunks, "chunk")
            yield f"opened     {event.uri}: {frames} in {chunks}"
        case SurveyAdvanced(num_pictures=1):
            yield f"surveying  {event.uri}: {counted(event.num_total, 'picture')} to decode before it is planned"
        case VideoPublished():
            yield f"published  {event.output_uri} ({counted(event.num_frames, 'frame')}, {size(event.size_bytes)})"
            yield from (f"           {note}" for note in event.notes)
        case VideoSkipped():
            yield f"skipped    {event.uri}: {event.reason}"
        case VideoGivenUp():
            yield failure_line(event)


def failure_line(event: VideoGivenUp) -> str:
    """Which video is not made, and why."""
    return f"FAILED     {event.uri}: {event.error}: {without_uri(event.reason, event.uri)}"


def _started(event: JobStarted) -> str:
    counts = {
        "done before": event.videos_done,
        "failed before": event.videos_failed,
        "refused": event.videos_refused,
        "to make": event.num_videos,
    }
    total = counted(sum(counts.values()), "video")
    parts = [f"{number:,} {name}" for name, number in counts.items() if number]
    return total if sum(counts.values()) == event.num_videos else f"{total}: {', '.join(parts)}"


# ---- progress --------------------------------------------------------------------------------------------------------


def progress_line(event: Snapshot) -> str:
    """The progress of a job in one line, for a log."""
    parts = [f"{percent(event)}, {frames(event)}"] if event.frames_expected else []
    return f"progress   {PHASES[event.phase]}: {', '.join([*parts, *asides(event)])}".removesuffix(": ")


def advanced_line(event: ActivityAdvanced) -> str:
    """How far an activity is in one line, for a log."""
    return f"progress   {event.text}: {', '.join([advanced_count(event), *advanced_asides(event)])}"


def advanced_count(event: ActivityAdvanced) -> str:
    """How many are done, of how many."""
    return f"{event.num_done:,}/{event.num_total:,}" if event.num_total else f"{event.num_done:,}"


def advanced_asides(event: ActivityAdvanced) -> Iterator[str]:
    """How fast an activity is, and how long the rest takes."""
    if event.per_s:
        yield f"{event.per_s:.1f}/s"
    if event.eta_s is not None:
        yield f"{duration(max(1.0, event.eta_s))} left"


def percent(event: Snapshot) -> str:
    """How much of the job is made; 100 % only once all of it is."""
    return f"{int(100 * event.fraction)} %"


def frames(event: Snapshot) -> str:
    """Frames made, of how many; "about" while some videos are not opened."""
    made = event.frames_done + event.frames_in_progress
    is_estimate = event.videos_done + event.videos_failed + event.videos_open < event.videos_total
    return f"{made:,}/{'~' if is_estimate else ''}{event.frames_expected:,} frames"


def asides(event: Snapshot) -> Iterator[str]:
    """What there is to say beside the frames."""
    if event.frames_per_s > 0 and event.phase in {"making", "stopping"}:
        yield f"{event.frames_per_s:.1f} frames/s"
    if event.eta_s is not None:
        yield f"{duration(max(1.0, event.eta_s))} {'until it stops' if event.phase == 'stopping' else 'left'}"
    if event.videos_total > 1:
        failed = f" ({event.videos_failed:,} failed)" if event.videos_failed else ""
        yield f"{event.videos_done:,}/{event.videos_total:,} videos{failed}"
    if (event.workers, event.workers_pending) != (1, 0):
        yield _workers(event)
    if event.faults:
        yield counted(event.faults, "fault")
    if event.budget_hours is not None:
        yield f"spent {spent(event.spent_hours, event.budget_hours, event.price_per_hour)}"


def _workers(event: Snapshot) -> str:
    if not event.workers_pending:
        return counted(event.workers, "worker")
    if event.workers:
        return f"{counted(event.workers, 'worker')} and {event.workers_pending:,} starting"
    waits = "it loads PyTorch or waits" if event.workers_pending == 1 else "they load PyTorch or wait"
    return f"{counted(event.workers_pending, 'worker')} starting: {waits} for a machine"


def ended_line(event: JobEnded) -> str:
    """The last line of a run: what became of it, how long it took, and how fast it was."""
    skipped = f", {event.videos_skipped:,} skipped" if event.videos_skipped else ""
    failed = f", {event.videos_failed:,} FAILED" if event.videos_failed else ""
    done = f"{counted(event.videos_published, 'video')} published{skipped}{failed}"
    speed = f" ({event.num_frames / event.seconds:.1f} frames/s)" if event.num_frames and event.seconds >= 1 else ""
    whole = f"{done}; {counted(event.num_frames, 'frame')} in {duration(event.seconds)}{speed}"
    if event.budget_reached:
        return f"stopped by its budget: {whole}"
    return f"interrupted: {whole}; the next run resumes" if event.interrupted else whole


def retry_lines(event: JobEnded) -> Iterator[str]:
    """What to do about the videos that failed, if the next run leaves them out."""
    if event.videos_to_retry:
        failed = counted(event.videos_to_retry, "failed video")
        replaced = "its file is" if event.videos_to_retry == 1 else "their files are"
        yield f"the next run tries {failed} again with --retry-failed, or if {replaced} replaced"
