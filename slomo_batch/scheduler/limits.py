"""Limits: how much of a job may run at once, and which videos go first, by the number of its workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may run at once, and how often a chunk or step is tried."""

    max_open_videos: int
    max_attempts: int
    """Attempts that may end in an error, of a chunk and of each step of a video."""
    max_splits: int
    """Opens, surveys, splits and sounds in flight together."""
    max_stitches: int
    max_ready_chunks: int
    """Chunk objects that wait to be made; at this number no further split starts."""

    def __post_init__(self) -> None:
        limits = (self.max_open_videos, self.max_attempts, self.max_splits, self.max_stitches, self.max_ready_chunks)
        if min(limits) < 1:
            raise ValueError(f"every limit is at least 1, got {self}")


MIN_OPEN_VIDEOS = 64
OPEN_PER_WORKER = 4
"""Videos that may be open per worker: if they are short, one worker needs several to be busy."""
MIN_STITCHES = 4
WORKERS_PER_STITCH = 16
"""Making chunks takes much longer than joining them."""
READY_PER_WORKER = 64
"""Chunk objects per worker that may wait to be made: the splits' head start."""


def limits_for(max_workers: int, *, max_attempts: int) -> Limits:
    """The limits of a job that may have `max_workers` workers."""
    return Limits(
        max_open_videos=max(MIN_OPEN_VIDEOS, OPEN_PER_WORKER * max_workers),
        max_attempts=max_attempts,
        max_splits=max(2, max_workers),
        max_stitches=max(MIN_STITCHES, max_workers // WORKERS_PER_STITCH),
        max_ready_chunks=READY_PER_WORKER * max_workers,
    )


MIN_STEPS = 8
"""Steps without a model in flight on a cluster, however few CPUs it has: the autoscaler sees the waiting ones."""
MOST_STEPS = 64
"""Steps in flight that a cluster of any size may have."""
WORKERS_PER_STEP = 3
"""Workers that one step keeps busy if chunks take 6 s. If they take longer, fewer steps are needed."""
STEPS_PER_CPU = 2
"""One runs and one waits, so that an autoscaler doubles the CPUs until no step waits."""

COUNT_CPUS_S = 5.0
"""Seconds between two counts of the cluster's CPUs."""


def steps_in_flight(num_cpus: float, max_workers: int) -> int:
    """How many steps without a model may be in flight on a cluster, running or waiting for a CPU.

    `num_cpus` counts the CPUs of live machines that no worker holds. The result follows it up and down,
    between `MIN_STEPS` and what `max_workers` workers need.
    """
    most = max(MOST_STEPS, ceil(max_workers / WORKERS_PER_STEP))
    return min(most, max(MIN_STEPS, int(STEPS_PER_CPU * num_cpus)))


Item = TypeVar("Item")


def long_ones_first(items: Sequence[Item], sizes: Sequence[int], max_workers: int) -> list[Item]:
    """The order in which to open videos: as they were found, except that those of at least a worker's share of all
    bytes go first, the largest before the others, so that the job does not wait for one of them at the end.
    """
    share = sum(sizes) / max_workers
    long = sorted((number for number, size in enumerate(sizes) if size > share), key=lambda number: -sizes[number])
    others = (number for number, size in enumerate(sizes) if size <= share)
    return [items[number] for number in (*long, *others)]
