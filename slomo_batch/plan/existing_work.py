"""ExistingWork: what a work place has of a planned video. `open` finds it, and dispatch starts from it."""

from dataclasses import dataclass

from slomo_batch.records.source_facts import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingWork:
    """What exists of a planned video. Chunks are named by their numbers, from 0."""

    num_chunks: int
    lane: Lane
    """The lane to continue in: the plan's, or the one that the video moved to since."""
    done: frozenset[int]
    """Chunks that are committed and whose segment exists in its committed size; all chunks if the output is
    published."""
    ready: frozenset[int]
    """Chunks whose packets are in the work place."""
    needs_audio: bool
    """Whether the output has audio that is not committed yet."""
    done_bytes: int = 0
    """Bytes of the segments of the chunks that are done."""
    audio_bytes: int = 0
    """Bytes of the committed audio."""
