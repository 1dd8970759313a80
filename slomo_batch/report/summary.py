"""Summary: the end of a run, for a person. A line or two for one video, a table for more, failures first."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile

from slomo_batch.report.budget_lines import budget_lines
from slomo_batch.report.events import Event, JobEnded, VideoGivenUp, VideoPublished, VideoSkipped
from slomo_batch.report.lines import INDENT, Verbosity, ended_line, failure_line, retry_lines
from slomo_batch.report.units import counted, size

MAX_ROWS = 20
"""Published videos that are listed; of more only the totals."""
MAX_FAILURES = 10
MAX_NOTES = 5
_MAX_KINDS = 1000
"""Texts of notes that are counted, so that memory does not grow with the job."""


class Summary:
    """Collects what became of the videos."""

    def __init__(self, verbosity: Verbosity) -> None:
        self._verbosity = verbosity
        self._skipped: VideoSkipped | None = None
        self._published: list[VideoPublished] = []
        self._failed: list[VideoGivenUp] = []
        self._num_published = self._num_failed = self._size_bytes = self._num_with_notes = 0
        self._notes: Counter[str] = Counter()
        self._folder: str | None = None

    def take(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, VideoSkipped) and self._verbosity != "verbose":
            self._skipped = event
        elif isinstance(event, VideoGivenUp):
            self._num_failed += 1
            if len(self._failed) < MAX_FAILURES:
                self._failed.append(event)
        elif isinstance(event, VideoPublished):
            self._num_published += 1
            self._size_bytes += event.size_bytes
            self._num_with_notes += bool(event.notes)
            folder = event.output_uri.rpartition("/")[0] + "/"
            self._folder = folder if self._folder is None else _common_folder(self._folder, folder)
            if len(self._published) <= MAX_ROWS:
                self._published.append(event)
            for note in event.notes:
                if note in self._notes or len(self._notes) < _MAX_KINDS:
                    self._notes[note] += 1

    def lines(self, ended: JobEnded) -> Iterator[str]:
        """The lines to show at the end of the run."""
        if ended.videos_skipped == 1 and not self._num_published + self._num_failed and self._skipped:
            yield f"skipped    {self._skipped.output_uri}: {self._skipped.reason}"
        if self._num_published + self._num_failed > 1:
            yield ""
            yield from self._failures()
            yield from self._outputs()
        yield ended_line(ended)
        yield from retry_lines(ended)
        yield from budget_lines(ended)

    def _failures(self) -> Iterator[str]:
        for event in self._failed:
            yield failure_line(event)
        if self._num_failed > len(self._failed):
            yield f"FAILED     {self._num_failed - len(self._failed):,} more; `slomo-batch status` lists them"

    def _outputs(self) -> Iterator[str]:
        if not self._num_published:
            return
        yield f"outputs    {self._folder} ({counted(self._num_published, 'file')}, {size(self._size_bytes)})"
        if self._num_published <= MAX_ROWS:
            yield from (f"{'':{INDENT}}{row}" for row in _table([self._row(event) for event in self._published]))
        for note, number in self._notes.most_common(MAX_NOTES):
            if number > 1 or self._num_published > MAX_ROWS:
                yield f"note       {counted(number, 'video')}: {note}"
        if len(self._notes) > MAX_NOTES:
            yield f"note       {counted(self._num_with_notes, 'video')} in all with notes; see the lines above"

    def _row(self, event: VideoPublished) -> Sequence[str]:
        notes = counted(len(event.notes), "note") if event.notes else ""
        name = event.output_uri.removeprefix(self._folder or "")
        return name, counted(event.num_frames, "frame"), size(event.size_bytes), notes


def _common_folder(one: str, other: str) -> str:
    """The folder that holds both folders; each ends with a slash."""
    parts = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    return "/".join(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], parts)) + "/"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines: the first column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *others in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([f"{name:<{widths[0]}}", *cells]).rstrip()
