"""Limits: how much of a job may be going on at once, and which videos go first, by the number of its workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
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
            raise ValueError(f"every limit is at least 1, got {self}")


MIN_OPEN_VIDEOS = 64
OPEN_PER_WORKER = 4
"""Videos that may be open, for each worker: where they are short, several are needed to keep one worker busy."""
MIN_STITCHES = 4
WORKERS_PER_STITCH = 16
"""Chunks are made a good deal slower than they are joined."""
READY_PER_WORKER = 64
"""Chunk objects that may stand unmade, for each worker: the splits' head start."""


def limits_for(max_workers: int, *, max_attempts: int) -> Limits:
    """The limits of a job that may have so many workers."""
    return Limits(
        max_open_videos=max(MIN_OPEN_VIDEOS, OPEN_PER_WORKER * max_workers),
        max_attempts=max_attempts,
        max_splits=max(2, max_workers),
        max_stitches=max(MIN_STITCHES, max_workers // WORKERS_PER_STITCH),
        max_ready_chunks=READY_PER_WORKER * max_workers,
    )


MIN_STEPS = 8
"""Steps without a model in flight on a cluster, however few CPUs it has: an autoscaler sees those that wait."""
MOST_STEPS = 64
"""Steps in flight that any cluster may have."""
WORKERS_PER_STEP = 3
"""Workers that one step feeds where chunks take 6 s. Where they take longer, fewer steps are needed."""
STEPS_PER_CPU = 2
"""One runs, one waits: so an autoscaler doubles the CPUs until steps no longer wait."""

COUNT_CPUS_S = 5.0
"""Seconds between two looks at how many CPUs the cluster has."""


def steps_in_flight(num_cpus: float, max_workers: int) -> int:
    """How many steps without a model a cluster is given at once, running and waiting for a CPU.

    `num_cpus` are the CPUs of its living machines that no worker with a GPU holds. The number follows them up and down,
    between `MIN_STEPS` and what `max_workers` workers need.
    """
    most = max(MOST_STEPS, ceil(max_workers / WORKERS_PER_STEP))
    return min(most, max(MIN_STEPS, int(STEPS_PER_CPU * num_cpus)))


Item = TypeVar("Item")


def long_ones_first(items: Sequence[Item], sizes: Sequence[int], max_workers: int) -> list[Item]:
    """The order in which videos are opened: as they were found, but for those that are a worker's share of the whole or
    more. These go first, the largest before all, so that none of them is what is left to wait for at the end.
    """
    share = sum(sizes) / max_workers
    long = sorted((number for number, size in enumerate(sizes) if size > share), key=lambda number: -sizes[number])
    others = (number for number, size in enumerate(sizes) if size <= share)
    return [items[number] for number in (*long, *others)]
