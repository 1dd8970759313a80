"""Events as JSON: the name and the fields of each, as `--json` and `--log` write them, and the way back.

Names and fields are read by other programs: they stay, whatever the records in memory are called.
"""

import json
import re
from dataclasses import asdict
from typing import Any, get_args

from slomo_batch.attempts import Attempt, CallStats, ChunkHead, Errored, Head, Lost, StepHead, Succeeded
from slomo_batch.errors import error_from_name
from slomo_batch.records.commits import ChunkDone
from slomo_batch.report.events import Event
from slomo_batch.serialization import from_json

CHUNK_FINISHED, STEP_FINISHED, ATTEMPT_FAILED = "chunk_finished", "step_finished", "attempt_failed"


def event_name(event: Event) -> str:
    """Return what the event is called where events are written: job_started."""
    match event:
        case Succeeded(result=ChunkDone()):
            return CHUNK_FINISHED
        case Succeeded():
            return STEP_FINISHED
        case Errored() | Lost():
            return ATTEMPT_FAILED
        case _:
            return _snake_case(type(event))


def event_fields(event: Event) -> dict[str, Any]:
    """Return the fields of the event as they are written."""
    match event:
        case Succeeded(result=ChunkDone() as done):
            return {
                "uri": event.head.uri,
                "video_id": done.video_id,
                "chunk": done.index,
                "attempt": done.attempt,
                "num_frames": done.num_frames,
                "size_bytes": done.size_bytes,
                "counts": asdict(done.counts),
                "seconds": asdict(done.seconds),
                "stint": _stats(None if event.was_found else event.stats),
            }
        case Succeeded(head=head):
            return {"uri": head.uri, "video_id": head.video_id, "step": head.step, "stint": _stats(event.stats)}
        case Errored(head=head) | Lost(head=head):
            return {
                "uri": head.uri,
                "video_id": head.video_id,
                "step": head.step,
                **_chunk_fields(head),
                "error": event.error_name,
                "reason": event.reason,
                "retryable": event.retryable,
                "stint": _stats(event.stats),
            }
        case _:
            return asdict(event)


def event_of(line: str) -> Event | None:
    """Return the event of a line of `--json`; None for one that displays show nothing of.

    Raises:
        ValueError: this is no event.
    """
    data = json.loads(line)
    name = data.get("event") if isinstance(data, dict) else None
    if name in {CHUNK_FINISHED, STEP_FINISHED}:
        return None
    if name == ATTEMPT_FAILED:
        return _failed(data)
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError("not an event")
    return from_json(kind, line.encode())


def _failed(data: dict[str, Any]) -> Errored:
    try:
        uri, video_id, chunk = str(data["uri"]), str(data["video_id"]), data["chunk"]
        head: Head
        if chunk is None:
            head = StepHead(step=data["step"], video=0, uri=uri, video_id=video_id)
        else:
            chunk_id, attempt = str(data["chunk_id"]), str(data["attempt"])
            head = ChunkHead(
                video=0, uri=uri, video_id=video_id, lane="copy", chunk=int(chunk), chunk_id=chunk_id, attempt=attempt
            )
        return Errored(head=head, error=error_from_name(str(data["error"]), str(data["reason"])))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an event: {error}") from error


def _chunk_fields(head: Head) -> dict[str, Any]:
    if isinstance(head, ChunkHead):
        return {"chunk": head.chunk, "chunk_id": head.chunk_id, "attempt": head.attempt}
    return {"chunk": None, "chunk_id": "", "attempt": ""}


def _stats(stats: CallStats | None) -> dict[str, Any] | None:
    return asdict(stats) if stats else None


def _snake_case(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_KINDS: dict[str, type[Event]] = {_snake_case(kind): kind for kind in get_args(Event) if kind not in get_args(Attempt)}
