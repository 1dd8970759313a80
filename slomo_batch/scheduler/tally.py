"""Tally: what a run has made so far, in numbers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts over all videos of this run."""

    videos_total: int
    videos_skipped: int
    videos_published: int = 0
    videos_failed: int = 0
    chunks_total: int = 0
    chunks_done: int = 0
    chunks_failed: int = 0
    """Unmade chunks of the videos given up."""
    frames_total: int = 0
    frames_done: int = 0
    frames_made: int = 0
    """Frames of the chunks that this run committed."""

    @property
    def videos_done(self) -> int:
        """Published now or found published."""
        return self.videos_published + self.videos_skipped
