"""Chunks: every source pair and every output frame of a video belongs to exactly one.

A pair of source frames is never divided, so its flow is computed only once. A chunk is a run of pairs, with the output
frames between them.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from slomo_batch.records.plans import Chunk
from slomo_batch.timeline.index import Int64s

Identify = Callable[[int, int, int, int], str]
"""Returns the id of a chunk from its first_pair, end_pair, first_frame and end_frame."""


def partition(
    first_frames: Int64s,
    *,
    pairs_per_chunk: int,
    identify: Identify,
    pairs: range | None = None,
    frames_per_chunk: int | None = None,
) -> tuple[Chunk, ...]:
    """Divide a video, or these `pairs` of it, every `pairs_per_chunk` source pairs.

    With `frames_per_chunk`, a chunk also ends at the pair that reaches this number of output frames.

    `first_frames` is `OutputGrid.first_frames`: pair i owns output frames [first_frames[i], first_frames[i + 1]). If
    the output has fewer frames than the source, a run without an output frame joins the chunk before it; at the start,
    the one after it.

    Raises:
        ValueError: the chunk size is less than one pair.
    """
    if pairs_per_chunk < 1:
        raise ValueError(f"a chunk has at least one pair, got {pairs_per_chunk}")
    pairs = range(len(first_frames) - 1) if pairs is None else pairs
    runs: Sequence[int] = pairs[::pairs_per_chunk]
    if frames_per_chunk is not None:
        runs = _runs_by_frames(first_frames, pairs, pairs_per_chunk, frames_per_chunk)
    _, *borders = _borders(first_frames, runs, pairs.stop)
    borders = [pairs.start, *borders, pairs.stop]
    return tuple(_chunk(index, *span, first_frames, identify) for index, span in enumerate(pairwise(borders)))


def _runs_by_frames(first_frames: Int64s, pairs: range, most_pairs: int, most_frames: int) -> list[int]:
    """First pairs of the runs that end after so many pairs, or with the pair that reaches so many frames."""
    starts = [pairs.start]
    while True:
        reached = int(np.searchsorted(first_frames, first_frames[starts[-1]] + most_frames))
        upcoming = max(starts[-1] + 1, min(starts[-1] + most_pairs, reached))
        if upcoming >= pairs.stop:
            return starts
        starts.append(upcoming)


def _borders(first_frames: Int64s, runs: Sequence[int], stop: int) -> Iterator[int]:
    """Yield where chunks start: at the runs that have an output frame."""
    for first_pair, end_pair in pairwise((*runs, stop)):
        if first_frames[first_pair] < first_frames[end_pair]:
            yield first_pair


def _chunk(index: int, first_pair: int, end_pair: int, first_frames: Int64s, identify: Identify) -> Chunk:
    first_frame, end_frame = int(first_frames[first_pair]), int(first_frames[end_pair])
    return Chunk(
        chunk_id=identify(first_pair, end_pair, first_frame, end_frame),
        index=index,
        first_pair=first_pair,
        end_pair=end_pair,
        first_frame=first_frame,
        end_frame=end_frame,
    )
