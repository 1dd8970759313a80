"""Show a running job to a person: bars on a terminal, plain lines elsewhere. The only importer of rich."""

from collections.abc import Callable, Iterator
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from slomo_batch.attempts import ChunkHead, Errored, Lost
from slomo_batch.report.events import (
    Display,
    Event,
    JobEnded,
    JobStarted,
    Note,
    Snapshot,
    VideoGivenUp,
    VideoOpened,
    VideoPublished,
    VideoSkipped,
)
from slomo_batch.report.json_log import JsonDisplay, Streaming
from slomo_batch.report.units import counted, duration, size, without_uri
from slomo_batch.sanitize import one_line

SECONDS_BETWEEN_SNAPSHOTS = 10.0
"""A log gets at most one line of progress in this many seconds."""


def display_for(stream: TextIO, *, as_json: bool, job: str) -> Display:
    """The display for a stream: JSON, bars on a terminal, else plain lines."""
    if as_json:
        return JsonDisplay(stream, job=job)
    return RichDisplay(stream) if stream.isatty() else PlainDisplay(stream)


# ---- words ---------------------------------------------------------------------------------------------------------


def _snapshot(event: Snapshot) -> str:
    failed = f" ({event.videos_failed:,} failed)" if event.videos_failed else ""
    eta = "" if event.eta_s is None else f", {duration(event.eta_s)} left"
    return (
        f"videos {event.videos_done:,}/{event.videos_total:,}{failed}, "
        f"chunks {event.chunks_done:,}/{event.chunks_total:,}, frames {event.frames_done:,}/{event.frames_total:,}, "
        f"{event.frames_per_s:.1f} frames/s, {counted(event.workers, 'worker')}{eta}"
    )


def _started(event: JobStarted) -> str:
    counts = {
        "done before": event.videos_done,
        "failed before": event.videos_failed,
        "refused": event.videos_refused,
        "to make": event.num_videos,
    }
    total = counted(sum(counts.values()), "video")
    parts = [f"{number:,} {name}" for name, number in counts.items() if number]
    return total if sum(counts.values()) == event.num_videos else f"{total} ({', '.join(parts)})"


def _ended(event: JobEnded) -> str:
    skipped = f", {event.videos_skipped:,} skipped" if event.videos_skipped else ""
    failed = f", {event.videos_failed:,} FAILED" if event.videos_failed else ""
    done = f"{counted(event.videos_published, 'video')} published{skipped}{failed}"
    whole = f"{done}; {counted(event.num_frames, 'frame')} in {duration(event.seconds)}"
    return f"interrupted: {whole}; the next run resumes" if event.interrupted else whole


def lines_of(event: Event) -> Iterator[str]:
    """The lines to show for an event, other than progress."""
    match event:
        case JobStarted():
            yield f"{event.name}: {_started(event)}, work in {event.work}"
        case VideoOpened():
            frames, chunks = counted(event.num_frames, "frame"), counted(event.num_chunks, "chunk")
            yield f"opened     {event.uri}: {frames} in {chunks}"
        case Errored(retryable=True, head=head) | Lost(head=head):
            what = f"chunk {head.chunk}" if isinstance(head, ChunkHead) else head.step
            yield f"retry      {head.uri}, {what}: {event.error_name}: {without_uri(event.reason, head.uri)}"
        case VideoPublished():
            yield f"published  {event.output_uri} ({counted(event.num_frames, 'frame')}, {size(event.size_bytes)})"
            yield from (f"           {note}" for note in event.notes)
        case VideoSkipped():
            yield f"skipped    {event.uri}: {event.reason}"
        case VideoGivenUp():
            yield f"FAILED     {event.uri}: {event.error}: {without_uri(event.reason, event.uri)}"
        case Note():
            yield f"note       {event.uri}: {event.text}" if event.uri else f"note       {event.text}"
        case JobEnded():
            yield _ended(event)
        case _:
            return


# ---- displays ------------------------------------------------------------------------------------------------------


class PlainDisplay(Streaming):
    """Shows a line per event, and one of progress every `SECONDS_BETWEEN_SNAPSHOTS`."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._next_snapshot_s = clock() + SECONDS_BETWEEN_SNAPSHOTS

    def show(self, event: Event) -> None:
        """Write the event's lines."""
        if isinstance(event, Snapshot):
            self._progress(event)
        for line in lines_of(event):
            self._write(one_line(line))

    def _progress(self, event: Snapshot) -> None:
        now = self._clock()
        if now >= self._next_snapshot_s:
            self._next_snapshot_s = now + SECONDS_BETWEEN_SNAPSHOTS
            self._write(_snapshot(event))


class RichDisplay:
    """Shows three live bars (videos, chunks, frames) under the lines of events."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[aside]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        self._bars = {
            name: self._progress.add_task(name, total=None, aside="") for name in ("videos", "chunks", "frames")
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Update the bars, or write the event's lines above them."""
        if isinstance(event, Snapshot):
            self._move(event)
        elif not isinstance(event, VideoOpened):
            for line in lines_of(event):
                self._console.print(Text(one_line(line), style=_style(event)), soft_wrap=True)

    def _move(self, event: Snapshot) -> None:
        eta = "" if event.eta_s is None else f"{duration(event.eta_s)} left"
        failed = f"{event.videos_failed:,} failed" if event.videos_failed else ""
        self._bar("videos", event.videos_done + event.videos_failed, event.videos_total, failed)
        self._bar("chunks", event.chunks_done, event.chunks_total, counted(event.workers, "worker"))
        aside = f"{event.frames_per_s:.1f} frames/s {eta}".rstrip()
        self._bar("frames", event.frames_done, event.frames_total, aside)

    def _bar(self, name: str, done: int, total: int, aside: str) -> None:
        self._progress.update(self._bars[name], completed=done, total=total, aside=aside)


def _style(event: Event) -> str:
    match event:
        case VideoGivenUp():
            return "red"
        case VideoPublished():
            return "green"
        case Errored() | Lost() | Note():
            return "yellow"
        case _:
            return ""
