"""Attempts as a driver gets them, of a video with a number and no files."""

from slomo_batch.attempts import CallStats, ChunkHead, Errored, Lost, StepHead, Succeeded
from slomo_batch.errors import error_from_name
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.messages import Step

STATS = CallStats(host="node-1", process=7, began_s=0.0, took_s=1.0, read_bytes=10, written_bytes=20)


def chunk_head(chunk: int, *, video: int = 0, lane: Lane = "copy") -> ChunkHead:
    """The head of an attempt at a chunk."""
    return ChunkHead(
        video=video, uri=f"{video}.mp4", video_id=f"v{video}", lane=lane, chunk=chunk, chunk_id=f"c{chunk}", attempt="a"
    )


def step_head(step: Step, *, video: int = 0, lane: Lane | None = None) -> StepHead:
    """The head of an attempt at another step."""
    return StepHead(step=step, video=video, uri=f"{video}.mp4", video_id=f"v{video}", lane=lane)


def chunk_made(chunk: int, *, video: int = 0, lane: Lane = "copy") -> Succeeded:
    """A chunk that is committed."""
    return Succeeded(head=chunk_head(chunk, video=video, lane=lane), stats=STATS, result=None)


def chunk_error(
    chunk: int, error: str, reason: str = "why", *, video: int = 0, lane: Lane = "copy", machine: str = ""
) -> Errored:
    """An attempt at a chunk that ended in an error of this class."""
    head = chunk_head(chunk, video=video, lane=lane)
    return Errored(head=head, error=error_from_name(error, reason), stats=STATS, machine=machine)


def chunk_lost(
    chunk: int, cause: str, *, explained: bool, video: int = 0, lane: Lane = "copy", machine: str = ""
) -> Lost:
    """An attempt at a chunk whose worker died."""
    return Lost(head=chunk_head(chunk, video=video, lane=lane), explained=explained, cause=cause, machine=machine)


def step_done(step: Step, *, video: int = 0, lane: Lane | None = None) -> Succeeded:
    """A step that ended well."""
    return Succeeded(head=step_head(step, video=video, lane=lane), stats=STATS, result=None)


def step_error(step: Step, error: str, reason: str = "why", *, video: int = 0, lane: Lane | None = None) -> Errored:
    """A step that ended in an error of this class."""
    return Errored(head=step_head(step, video=video, lane=lane), error=error_from_name(error, reason), stats=STATS)
