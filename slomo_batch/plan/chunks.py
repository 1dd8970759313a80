"""Chunks: every source pair and every output frame of a video belongs to exactly one.

A pair of source frames is never divided, so its flow is computed only once. A chunk is a run of pairs, with the output
frames between them.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from slomo_batch.records import Chunk
from slomo_batch.timeline.index import Int64s

Identify = Callable[[int, int, int, int], str]
"""Returns the id of a chunk from its first_pair, end_pair, first_frame and end_frame."""


def partition(
    first_frames: Int64s, *, pairs_per_chunk: int, identify: Identify, pairs: range | None = None
) -> tuple[Chunk, ...]:
    """Divide a video, or these `pairs` of it, every `pairs_per_chunk` source pairs.

    `first_frames` is `OutputGrid.first_frames`: pair i owns output frames [first_frames[i], first_frames[i + 1]). If
    the output has fewer frames than the source, a run without an output frame joins the chunk before it. The first run
    always has output frame 0.

    Raises:
        ValueError: the chunk size is less than one pair.
    """
    if pairs_per_chunk < 1:
        raise ValueError(f"a chunk has at least one pair, got {pairs_per_chunk}")
    pairs = range(len(first_frames) - 1) if pairs is None else pairs
    borders = [*_borders(first_frames, pairs_per_chunk, pairs), pairs.stop]
    return tuple(_chunk(index, *span, first_frames, identify) for index, span in enumerate(pairwise(borders)))


def _borders(first_frames: Int64s, pairs_per_chunk: int, pairs: range) -> Iterator[int]:
    """Yield where chunks start: at the runs that have an output frame."""
    for first_pair in pairs[::pairs_per_chunk]:
        end_pair = min(first_pair + pairs_per_chunk, pairs.stop)
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
