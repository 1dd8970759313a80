"""ActiveVideo: one video from its start to its end, as the driver and the event recorder know it.

What dispatch needs for its decisions, and nothing else, is in its `OpenVideo` (scheduler.video_state).
"""

from dataclasses import dataclass

from slomo_batch.attempts import Succeeded
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.requests import PendingVideo
from slomo_batch.records.source_facts import Lane
from slomo_batch.steps.stitch_disk import disk_foreseen


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
    segment_bytes: int = 0
    """Bytes of their segments."""
    audio_bytes: int = 0
    """Bytes of the audio, once it is made."""

    @property
    def uri(self) -> str:
        """URI of the source."""
        return self.pending.request.source.uri

    @property
    def video_id(self) -> str:
        """Empty before the video is planned."""
        return self.stored.plan.video_id if self.stored else ""

    def keep_size(self, made: Succeeded) -> None:
        """Count a finished chunk of its lane, or the audio, towards what the stitch will need."""
        if isinstance(made.result, ChunkDone) and made.head.lane == self.lane:
            self.segment_bytes += made.result.size_bytes
        elif isinstance(made.result, AudioDone):
            self.audio_bytes = made.result.size_bytes

    @property
    def stitch_disk_bytes(self) -> int:
        """Bytes of local disk that the stitch needs at most."""
        return disk_foreseen(
            self.segment_bytes,
            self.audio_bytes,
            num_segments=len(self.plan.chunks),
            num_frames=self.plan.plan.grid.num_frames,
        )

    @property
    def plan(self) -> StoredPlan:
        """The stored plan.

        Raises:
            ValueError: the video is not planned yet.
        """
        if self.stored is None:
            raise ValueError("a step was asked for before its video was planned")
        return self.stored
