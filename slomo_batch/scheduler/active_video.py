"""ActiveVideo: one video from its start to its end, as the driver and the event recorder know it.

What dispatch needs for its decisions, and nothing else, is in its `OpenVideo` (scheduler.video_state).
"""

from dataclasses import dataclass

from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records import Lane, PendingVideo


@dataclass(slots=True)
class ActiveVideo:
    """A request, then its plan, then how much of it is made."""

    pending: PendingVideo
    stored: StoredPlan | None = None
    """None before the video is planned."""
    lane: Lane = "copy"
    """The lane that chunks are made in now."""
    chunks_done: int = 0
    frames_done: int = 0
    """Output frames of these chunks."""

    @property
    def uri(self) -> str:
        """URI of the source."""
        return self.pending.request.source.uri

    @property
    def video_id(self) -> str:
        """Empty before the video is planned."""
        return self.stored.plan.video_id if self.stored else ""

    @property
    def plan(self) -> StoredPlan:
        """The stored plan.

        Raises:
            ValueError: the video is not planned yet.
        """
        if self.stored is None:
            raise ValueError("a step was asked for before its video was planned")
        return self.stored
