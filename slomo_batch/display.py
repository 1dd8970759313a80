"""Displays: live for a terminal, plain lines for a log, JSON lines for machines; and the answers of plan and status.

The only importer of rich. Nothing shown here is read back by the program.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from time import monotonic
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from slomo_batch.progress import (
    ChunkRetried,
    Display,
    Event,
    Failure,
    JobEnded,
    JobStarted,
    JobStatus,
    Note,
    PlanRow,
    Snapshot,
    VideoOpened,
    VideoPublished,
    VideoSkipped,
)
from slomo_batch.records import VideoFailed

SECONDS_BETWEEN_SNAPSHOTS = 10.0
"""A log gets no more than one line of progress in this time."""


def display_for(stream: TextIO, *, as_json: bool) -> Display:
    """The display that suits a stream."""
    if as_json:
        return JsonDisplay(stream)
    return RichDisplay(stream) if stream.isatty() else PlainDisplay(stream)


# ---- words ---------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Seconds for a person: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def size(num_bytes: int) -> str:
    """Bytes for a person: 512 B, 1.5 MB."""
    value, unit = float(num_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 1000 or unit == "PB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 video, 1,200 videos."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _snapshot(event: Snapshot) -> str:
    failed = f" ({event.videos_failed:,} failed)" if event.videos_failed else ""
    eta = "" if event.eta_s is None else f", {duration(event.eta_s)} left"
    return (
        f"videos {event.videos_done:,}/{event.videos_total:,}{failed}, "
        f"chunks {event.chunks_done:,}/{event.chunks_total:,}, frames {event.frames_done:,}/{event.frames_total:,}, "
        f"{event.frames_per_s:.1f} frames/s, {counted(event.workers, 'worker')}{eta}"
    )


def _ended(event: JobEnded) -> str:
    skipped = f", {event.videos_skipped:,} skipped" if event.videos_skipped else ""
    failed = f", {event.videos_failed:,} FAILED" if event.videos_failed else ""
    done = f"{counted(event.videos_published, 'video')} published{skipped}{failed}"
    whole = f"{done}; {counted(event.num_frames, 'frame')} in {duration(event.seconds)}"
    return f"interrupted: {whole}; the next run resumes" if event.interrupted else whole


def lines_of(event: Event) -> Iterator[str]:
    """The lines that a person gets to read of an event, other than progress."""
    match event:
        case JobStarted():
            yield f"{event.name}: {counted(event.num_videos, 'video')}, work in {event.work}"
        case VideoOpened():
            frames, chunks = counted(event.num_frames, "frame"), counted(event.num_chunks, "chunk")
            yield f"opened     {event.uri}: {frames} in {chunks}"
        case ChunkRetried():
            yield f"retry      {event.uri}, chunk {event.index}: {event.error}: {event.reason}"
        case VideoPublished():
            yield f"published  {event.output_uri} ({counted(event.num_frames, 'frame')}, {size(event.size_bytes)})"
            yield from (f"           {note}" for note in event.notes)
        case VideoSkipped():
            yield f"skipped    {event.uri}: {event.reason}"
        case VideoFailed():
            yield f"FAILED     {event.source_uri}: {event.error}: {event.reason}"
        case Note():
            yield f"note       {event.uri}: {event.text}" if event.uri else f"note       {event.text}"
        case JobEnded():
            yield _ended(event)
        case _:
            return


# ---- displays ------------------------------------------------------------------------------------------------------


class _Streaming:
    """A display that writes to a stream and keeps nothing open."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class PlainDisplay(_Streaming):
    """A line per event, and of progress now and then."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._next_snapshot_s = clock() + SECONDS_BETWEEN_SNAPSHOTS

    def show(self, event: Event) -> None:
        """Write the event's lines."""
        if isinstance(event, Snapshot):
            self._progress(event)
        for line in lines_of(event):
            self._write(_one_line(line))

    def _progress(self, event: Snapshot) -> None:
        now = self._clock()
        if now >= self._next_snapshot_s:
            self._next_snapshot_s = now + SECONDS_BETWEEN_SNAPSHOTS
            self._write(_snapshot(event))


def _one_line(text: str) -> str:
    """Text without line breaks and control characters, whatever a file is called."""
    return "".join(character if character.isprintable() else " " for character in text)


class JsonDisplay(_Streaming):
    """One JSON object per line and event; its kind is in `event`."""

    def show(self, event: Event) -> None:
        """Write the event as an object."""
        self._write(json.dumps({"event": _snake(type(event).__name__), **asdict(event)}, ensure_ascii=False))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class RichDisplay:
    """Three live bars (videos, chunks, frames) under the lines of what happened."""

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
        """Move the bars, or write the event's lines above them."""
        if isinstance(event, Snapshot):
            self._move(event)
        elif not isinstance(event, VideoOpened):
            for line in lines_of(event):
                self._console.print(escape(_one_line(line)), soft_wrap=True, style=_style(event))

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
        case VideoFailed():
            return "red"
        case VideoPublished():
            return "green"
        case ChunkRetried() | Note():
            return "yellow"
        case _:
            return ""


# ---- answers -------------------------------------------------------------------------------------------------------


def show_plan(rows: Sequence[PlanRow], *, as_json: bool, stream: TextIO = sys.stdout) -> None:
    """What a run would do."""
    lines = _json_lines("video", rows) if as_json else _plan_lines(rows)
    total = {"event": "total", **_plan_total(rows)}
    for line in (*lines, json.dumps(total)) if as_json else lines:
        print(line, file=stream)


def _json_lines(event: str, records: Iterable[Any]) -> Iterator[str]:
    return (json.dumps({"event": event, **asdict(record)}, ensure_ascii=False) for record in records)


def _plan_total(rows: Sequence[PlanRow]) -> dict[str, int]:
    return {
        "videos": len(rows),
        "problems": sum(bool(row.problem) for row in rows),
        "source_frames": sum(row.num_source_frames for row in rows),
        "output_frames": sum(row.num_output_frames for row in rows),
        "chunks": sum(row.num_chunks for row in rows),
        "size_bytes": sum(row.size_bytes for row in rows),
    }


def _plan_lines(rows: Sequence[PlanRow]) -> Iterator[str]:
    for row in rows:
        yield _one_line(f"{row.state:<8} {row.uri}")
        if row.problem:
            yield _one_line(f"         problem: {row.problem}")
            continue
        yield _one_line(f"         -> {row.output_uri}")
        frames = f"{row.num_source_frames:,} -> {counted(row.num_output_frames, 'frame')}"
        yield f"         {frames} in {counted(row.num_chunks, 'chunk')}, {size(row.size_bytes)} to read"
        yield from (_one_line(f"         note: {note}") for note in row.notes)
    total = _plan_total(rows)
    problems = f", {counted(total['problems'], 'problem')}" if total["problems"] else ""
    yield (
        f"{counted(total['videos'], 'video')}{problems}: {total['source_frames']:,} -> "
        f"{counted(total['output_frames'], 'frame')} in {counted(total['chunks'], 'chunk')}, "
        f"{size(total['size_bytes'])} to read"
    )


def show_status(status: JobStatus, *, as_json: bool, stream: TextIO = sys.stdout) -> None:
    """Where a job stands."""
    if as_json:
        print(json.dumps(asdict(status), ensure_ascii=False), file=stream)
        return
    print(f"{status.job}: {status.state}, as of {status.updated or 'never'}", file=stream)
    print(f"  videos {status.videos_done:,}/{status.videos_total:,}, {status.videos_failed:,} failed", file=stream)
    print(f"  chunks {status.chunks_done:,}/{status.chunks_total:,}, frames {status.frames_done:,}", file=stream)
    for failure in status.failures:
        print(_one_line(_failure_line(failure)), file=stream)


def show_garbage(
    kinds: Sequence[tuple[str, int, int]], *, deleted: bool, as_json: bool, stream: TextIO = sys.stdout
) -> None:
    """What `gc` found: kind, number of objects, bytes."""
    if as_json:
        for kind, number, size_bytes in kinds:
            print(json.dumps({"kind": kind, "objects": number, "size_bytes": size_bytes}), file=stream)
        return
    for kind, number, size_bytes in kinds:
        print(f"{kind}: {number:,} objects, {size(size_bytes)}", file=stream)
    if not kinds:
        print("nothing to delete", file=stream)
    else:
        print("deleted" if deleted else "nothing was deleted; --delete does it", file=stream)


def _failure_line(failure: Failure) -> str:
    return f"  FAILED {failure.uri}: {failure.error}: {failure.reason}"
