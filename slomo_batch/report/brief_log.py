"""BriefLog: which events the log of a long run keeps, so that it grows with its videos and not with its chunks. Pure.

Ray does not rotate the log of a submitted run, and those who follow the run fetch it over the network. Chunks and steps
are in the ledger.
"""

from dataclasses import replace

from slomo_batch.attempts import Succeeded
from slomo_batch.report.events import ActivityAdvanced, Event, Snapshot, SurveyAdvanced, VideoSkipped

SHARE_OF_AGE = 1 / 360
"""Progress is at most this share of the run's age old: a second after six minutes, ten after an hour."""
MIN_BETWEEN_S, MAX_BETWEEN_S = 1.0, 30.0
"""Seconds between two events of progress."""
MAX_SILENCE_S = 60.0
"""Seconds after which progress is kept although nothing has changed: the run is alive."""
MAX_SKIPPED = 100
"""Skipped videos that are kept."""


class BriefLog:
    """Decides about each event of one run."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._kept_s = float("-inf")
        """When progress was kept last."""
        self._progress: Event | None = None
        """What it said, times aside."""
        self._num_skipped = 0

    def keeps(self, event: Event, now_s: float) -> bool:
        """Whether to keep an event; called with all of them in order. Times never fall."""
        self._began_s = now_s if self._began_s is None else self._began_s
        match event:
            case Succeeded():
                return False
            case SurveyAdvanced():
                return event.num_pictures == 1
            case VideoSkipped():
                self._num_skipped += 1
                return self._num_skipped <= MAX_SKIPPED
            case Snapshot() | ActivityAdvanced():
                return self._keeps_progress(event, now_s - self._began_s, now_s)
            case _:
                return True

    def _keeps_progress(self, event: Snapshot | ActivityAdvanced, age_s: float, now_s: float) -> bool:
        progress, since_s = _without_times(event), now_s - self._kept_s
        between_s = min(MAX_BETWEEN_S, max(MIN_BETWEEN_S, SHARE_OF_AGE * age_s))
        if since_s < (MAX_SILENCE_S if progress == self._progress else between_s):
            return False
        self._progress, self._kept_s = progress, now_s
        return True


def _without_times(event: Snapshot | ActivityAdvanced) -> Event:
    """What an event says, but for what changes while nothing happens."""
    if isinstance(event, ActivityAdvanced):
        return replace(event, per_s=0.0, eta_s=None)
    return replace(event, frames_per_s=0.0, eta_s=None, spent_hours=0.0, steps_waiting_s=())
