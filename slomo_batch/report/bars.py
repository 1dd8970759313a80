"""Bars: the part of a terminal that moves, drawn from the latest snapshot of a job."""

from collections.abc import Callable, Iterator
from time import monotonic

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from slomo_batch.report.events import ActivityAdvanced, Snapshot, VideoProgress
from slomo_batch.report.lines import PHASES, advanced_asides, advanced_count, asides, frames, percent
from slomo_batch.sanitize import one_line

LINES_AROUND = 6
"""Lines of the terminal that are left for other text."""
_MIN_LABEL, _MAX_LABEL = 13, 40
_FREE_COLUMNS = len("^C")
"""At the right. A terminal echoes Ctrl-C where the bars end: without room it would begin a line, which would stay."""


class Bars:
    """A bar of the job with what there is to say of it, and a line for each video in progress if there are several."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began_s = clock()
        self.activity = "starting"
        """What is done while there is no snapshot."""
        self.advanced: ActivityAdvanced | None = None
        """How far that is, if it can be counted."""
        self._width = 0
        self.snapshot: Snapshot | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the bars as wide as the terminal, but for a few columns."""
        self._width = max(1, options.max_width - _FREE_COLUMNS)
        snapshot = self.snapshot
        if snapshot is None:
            yield from self._activity()
            return
        label = PHASES[snapshot.phase]
        if snapshot.frames_expected:
            yield self._row(label, snapshot.fraction, f"{percent(snapshot)}  {frames(snapshot)}")
        else:
            yield self._row(label, None, "")
        text = ", ".join(asides(snapshot))
        if text:
            yield self._line(text)
        if snapshot.videos_total > 1:
            yield from self._videos(snapshot.videos[: max(0, console.height - LINES_AROUND)])

    def _activity(self) -> Iterator[Table | Text]:
        """The bar of what comes before the first snapshot; it only moves if nothing can be counted."""
        advanced = self.advanced
        if advanced is None or not advanced.num_total:
            yield self._row(f"{self.activity} ...", None, "")
            return
        fraction = advanced.num_done / advanced.num_total
        yield self._row(advanced.text, fraction, f"{int(100 * fraction)} %  {advanced_count(advanced)}")
        if text := ", ".join(advanced_asides(advanced)):
            yield self._line(text)

    def _line(self, text: str) -> Text:
        line = Text(f"  {text}", no_wrap=True, style="dim")
        line.truncate(self._width, overflow="ellipsis")
        return line

    def _row(self, label: str, fraction: float | None, numbers: str) -> Table:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.width = self._width
        grid.add_column(no_wrap=True, min_width=_MIN_LABEL)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, justify="right")
        bar = ProgressBar(total=1.0, completed=fraction or 0.0, pulse=fraction is None, animation_time=self._clock())
        grid.add_row(Text(label), bar, Text(numbers), Text(self._elapsed()))
        return grid

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(self._clock() - self._began_s), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"

    def _videos(self, videos: tuple[VideoProgress, ...]) -> Iterator[Table]:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.width = self._width
        grid.add_column(no_wrap=True, min_width=_MIN_LABEL, max_width=min(_MAX_LABEL, self._width // 2))
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, justify="right")
        for video in videos:
            name = one_line(video.uri.rpartition("/")[2])
            bar = ProgressBar(total=max(1, video.frames_total), completed=video.frames_done)
            numbers = f"{video.frames_done:,}/{video.frames_total:,}" if video.frames_total else ""
            grid.add_row(Text(f"  {name}", overflow="ellipsis"), bar, Text(numbers), Text(video.phase))
        if videos:
            yield grid
