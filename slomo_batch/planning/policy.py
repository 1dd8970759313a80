"""Policy: how much of a job may be going on at once, by the number of its workers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much may be going on at once, and how often a thing is tried."""

    max_open_videos: int
    max_attempts: int
    """Attempts that may end in an error, of a chunk and of each step of a video."""
    max_splits: int
    """Opens, splits and sounds in flight together."""
    max_stitches: int
    max_ready_chunks: int
    """Chunk objects that stand unmade, from which on no further split starts."""

    def __post_init__(self) -> None:
        limits = (self.max_open_videos, self.max_attempts, self.max_splits, self.max_stitches, self.max_ready_chunks)
        if min(limits) < 1:
            raise ValueError(f"every limit of a policy is at least 1, got {self}")


MIN_OPEN_VIDEOS = 64
MIN_STITCHES = 4
READY_PER_WORKER = 64
"""Chunk objects that may stand unmade, for each worker: the splits' head start."""


def policy_for(max_workers: int, *, max_attempts: int) -> Policy:
    """The policy of a job that may have so many workers."""
    return Policy(
        max_open_videos=MIN_OPEN_VIDEOS,
        max_attempts=max_attempts,
        max_splits=max(2, max_workers),
        max_stitches=MIN_STITCHES,
        max_ready_chunks=READY_PER_WORKER * max_workers,
    )
