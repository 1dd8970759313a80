"""Show a running job to a person: bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterable
from textwrap import wrap
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from slomo_batch.attempts import Errored, Lost
from slomo_batch.report.bars import Bars
from slomo_batch.report.budget_lines import budget_lines
from slomo_batch.report.events import (
    Activity,
    ActivityAdvanced,
    Display,
    Event,
    FramesTakenBack,
    JobEnded,
    JobPaused,
    JobResumed,
    JobStopping,
    Note,
    Snapshot,
    VideoGivenUp,
    VideoOpened,
    VideoPublished,
)
from slomo_batch.report.json_log import JsonDisplay, Streaming
from slomo_batch.report.lines import INDENT, Verbosity, advanced_line, ended_line, lines_of, progress_line, retry_lines
from slomo_batch.report.summary import Summary
from slomo_batch.sanitize import one_line

MIN_BETWEEN_S, MAX_BETWEEN_S = 10.0, 60.0
"""A log gets a line of progress in so many seconds: often at the start, later a line in each tenth of the time since
then, at least one a minute."""
REFRESHES_PER_S = 2.0
"""How often a terminal is drawn. Drawing takes some milliseconds of a CPU that could make frames."""


def display_for(
    stream: TextIO, *, as_json: bool, job: str, verbosity: Verbosity = "normal", brief: bool = False
) -> Display:
    """The display for a stream: JSON, with few events if `brief`; bars on a terminal; else plain lines."""
    if as_json:
        return JsonDisplay(stream, job=job, brief=brief)
    if verbosity == "quiet":
        return QuietDisplay(stream)
    return RichDisplay(stream, verbosity=verbosity) if stream.isatty() else PlainDisplay(stream, verbosity=verbosity)


class QuietDisplay(Streaming):
    """Shows failures, and the end of a run that failed in part or was interrupted."""

    def show(self, event: Event) -> None:
        """Write the event's lines."""
        for line in lines_of(event, "quiet"):
            self._write(one_line(line))
        if isinstance(event, JobEnded) and (event.videos_failed or event.interrupted):
            for line in (ended_line(event), *retry_lines(event), *budget_lines(event)):
                self._write(line)


class PlainDisplay(Streaming):
    """Shows a line per event, and lines of progress at intervals and when a phase begins."""

    def __init__(
        self, stream: TextIO, *, verbosity: Verbosity = "normal", clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__(stream)
        self._verbosity, self._clock = verbosity, clock
        self._began_s = clock()
        self._next_progress_s = self._began_s + MIN_BETWEEN_S
        self._phases: set[str] = {"starting", "opening", "splitting", "making"}
        """Phases whose begin needs no line of its own, or had one."""
        self._summary = Summary(verbosity)

    def show(self, event: Event) -> None:
        """Write the event's lines."""
        self._summary.take(event)
        match event:
            case Snapshot():
                self._show_progress(progress_line(event), begins=event.phase not in self._phases)
                self._phases.add(event.phase)
            case ActivityAdvanced():
                self._show_progress(advanced_line(event))
        lines = self._summary.lines(event) if isinstance(event, JobEnded) else lines_of(event, self._verbosity)
        for line in lines:
            self._write(one_line(line))

    def _show_progress(self, line: str, *, begins: bool = False) -> None:
        now_s = self._clock()
        if begins or now_s >= self._next_progress_s:
            between_s = min(MAX_BETWEEN_S, max(MIN_BETWEEN_S, (now_s - self._began_s) / 10))
            self._next_progress_s = now_s + between_s
            self._write(one_line(line))


class RichDisplay:
    """Shows live bars under the lines of events."""

    def __init__(self, stream: TextIO, *, verbosity: Verbosity = "normal") -> None:
        self._verbosity = verbosity
        self._console = Console(file=stream, highlight=False)
        self._bars = Bars()
        self._live = Live(self._bars, console=self._console, transient=True, refresh_per_second=REFRESHES_PER_S)
        self._summary = Summary(verbosity)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        """Update the bars, or write the event's lines above them."""
        self._summary.take(event)
        match event:
            case Activity():
                self._bars.activity, self._bars.advanced, self._bars.snapshot = event.text, None, None
                self._live.refresh()
            case ActivityAdvanced():
                self._bars.activity, self._bars.advanced = event.text, event
                if not event.num_done:
                    self._live.refresh()
            case Snapshot():
                self._bars.snapshot = event
            case JobEnded():
                self._bars.activity, self._bars.advanced, self._bars.snapshot = "finishing", None, None
                self._print(self._summary.lines(event), event)
            case VideoOpened() if self._verbosity != "verbose":
                return
            case _:
                self._print(lines_of(event, self._verbosity), event)

    def _print(self, lines: Iterable[str], event: Event) -> None:
        texts = []
        for line in lines:
            style = "red" if line.startswith("FAILED") else _style(event)
            texts += [Text(part, style=style) for part in wrapped(one_line(line), self._console.width)]
        if texts:  # all at once: the bars are drawn again after each print
            self._console.print(Text("\n").join(texts), soft_wrap=True)


def wrapped(line: str, width: int) -> list[str]:
    """A line, broken between words and indented to where its text begins. Words stay whole, so that a path can be
    copied."""
    if len(line) <= width:
        return [line]
    indent = " " * INDENT if len(line) > INDENT and line[INDENT - 1] == " " else "  "
    return wrap(
        line, max(width, 2 * INDENT), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [line]


def _style(event: Event) -> str:
    match event:
        case VideoGivenUp():
            return "red"
        case VideoPublished():
            return "green"
        case Errored() | Lost() | Note() | FramesTakenBack() | JobPaused() | JobResumed() | JobStopping():
            return "yellow"
        case _:
            return ""
