"""The log of a submitted run grows with its videos and its age, not with its chunks: measured in virtual time."""

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from slomo_batch.report.events import Display
from slomo_batch.report.json_log import JsonDisplay
from tests.scale.models import Archive, Models
from tests.scale.running import simulate

MODELS = Models(num_videos=40, num_chunks=1_000, num_workers=8)
MOST_PER_VIDEO = 1_000
"""Bytes."""


class Log:
    """What a display writes in a run, in virtual time."""

    def __init__(self, *, brief: bool) -> None:
        self.stream = io.StringIO()
        self._brief = brief

    def display(self, clock: Callable[[], float]) -> Display:
        """The display."""
        return JsonDisplay(
            self.stream, job="job", brief=self._brief, clock=lambda: datetime.fromtimestamp(clock(), UTC)
        )

    @property
    def bytes_by_event(self) -> Counter[str]:
        """Bytes of each kind of event."""
        found: Counter[str] = Counter()
        for line in self.stream.getvalue().splitlines():
            found[json.loads(line)["event"]] += len(line) + 1
        return found


def test_a_brief_log_holds_progress_and_videos_but_no_chunks(tmp_path: Path) -> None:
    brief, whole = Log(brief=True), Log(brief=False)
    ran = simulate(
        MODELS, Archive.of(MODELS), tmp_path, displays=lambda clock: [brief.display(clock), whole.display(clock)]
    )
    assert ran.makespan_s > 1800
    written, all_written = brief.bytes_by_event, whole.bytes_by_event
    assert all_written.keys() - written.keys() == {"chunk_finished", "step_finished"}
    assert written["snapshot"] < all_written["snapshot"] / 3
    assert {name: size for name, size in written.items() if name != "snapshot"}.items() <= all_written.items()
    of_videos = sum(size for name, size in written.items() if name.startswith("video_"))
    assert of_videos < MOST_PER_VIDEO * MODELS.num_videos
    assert written.total() < all_written.total() / 3
