"""The page of a job: `report.html`, for a person, from the ledger."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from slomo_batch.plan.s3_requests import PRICED, S3Requests, price_usd
from slomo_batch.report.events import Failure
from slomo_batch.report.pages.advice import advice_on
from slomo_batch.report.pages.job_history import JobHistory, StripHistory, VideoHistory, history_of, throughput
from slomo_batch.report.pages.page import Tile, render
from slomo_batch.report.pages.s3_history import requests_of
from slomo_batch.report.pages.slot_history import SlotHistory, slot_histories
from slomo_batch.report.units import counted, duration, size, without_uri
from slomo_batch.version import __version__

MOST_FAILED = 20
"""Failed videos that are listed for each reason; the table has them all."""
MOST_PICTURES = 200
"""Strips whose pictures are in the page."""
MOST_SHOWN = 12
"""Of them, those that are shown at first."""
MOST_BUSY = 100
"""Slots in the table of how busy each was."""


Picture = Callable[[StripHistory], bytes | None]
"""Fetches the picture of a strip, a JPEG file; None if it was deleted."""


def job_page(
    ledger: pa.Table,
    *,
    state: str,
    num_videos: int,
    retry: str,
    picture: Picture,
    folder: str = "",
    failures: Sequence[Failure] = (),
    work_is_billed: bool = False,
    budget: str = "",
) -> str:
    """Return the HTML of a job's page.

    Args:
        ledger: at least one row, as `report.ledger.read_ledger` returns it.
        state: of the job, in words.
        num_videos: videos of the job, as far as its last driver knew; those without an attempt are not in the ledger.
        retry: the command that makes failed videos again.
        picture: fetches the picture of a strip; at most MOST_PICTURES are put into the page.
        failures: of the last run, also of videos that it did not start.
        work_is_billed: whether the work place is on S3.
        budget: what is spent of the job's budget, in words; empty if it has none.
        folder: where the page finds the pictures of all strips, relative to itself; empty if nowhere.
    """
    history = history_of(ledger, failures)
    tracks = slot_histories(history)
    span_s, run_s = max(1.0, history.ended_s - history.began_s), max(1.0, history.run_s)
    return render(
        "job.html.jinja",
        {
            "version": __version__,
            "title": history.job,
            "state": state,
            **_run_values(history),
            "tiles": _tiles(history, num_videos, budget),
            **_failure_values(history.of_state("failed")),
            "retry": retry,
            "faults": history.faults,
            "advice": advice_on(history),
            "mean_rate": f"{history.num_frames / run_s:.2f}",
            **_slot_values(tracks, run_s),
            "spreads": history.spreads,
            "longest_ms": max((spread.p95 for spread in history.spreads), default=0.0) or 1.0,
            **_request_values(requests_of(ledger, work_is_billed=work_is_billed, run_s=history.run_s)),
            "strips": _strips(history, picture),
            "most_shown": MOST_SHOWN,
            "data": _data(history, tracks, span_s, folder),
        },
    )


def _run_values(history: JobHistory) -> Mapping[str, object]:
    return {"began": _utc(history.began_s), "ended": _utc(history.ended_s), "runs": history.runs}


def _failure_values(failed: Sequence[VideoHistory]) -> Mapping[str, object]:
    return {"num_failed": len(failed), "failed": _by_reason(failed), "most_failed": MOST_FAILED}


def _slot_values(tracks: Sequence[SlotHistory], run_s: float) -> Mapping[str, object]:
    """How busy the workers were."""
    busiest = sorted(tracks, key=lambda track: -track.busy_s)[:MOST_BUSY]
    return {
        "num_tracks": len(tracks),
        "num_hosts": len({track.host for track in tracks}),
        "busy": [_busy(track, run_s) for track in busiest],
    }


def _request_values(requests: S3Requests) -> Mapping[str, object]:
    return {"requests": _requests(requests), "requests_usd": f"{price_usd(requests):,.2f}", "priced": PRICED}


def _requests(requests: S3Requests) -> Sequence[tuple[str, int, str]]:
    """The kinds of requests, their number and their price in USD; nothing if none was sent."""
    kinds = {
        "PUT, COPY and POST": S3Requests(put=requests.put),
        "LIST": S3Requests(list=requests.list),
        "GET and HEAD": S3Requests(get=requests.get),
        "DELETE": S3Requests(delete=requests.delete),
    }
    found = [(name, one.put + one.list + one.get + one.delete, price_usd(one)) for name, one in kinds.items()]
    return [(name, number, f"{usd:,.4f}") for name, number, usd in found if number]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAlike:
    """Videos that failed for the same reason."""

    error: str
    reason: str
    uris: list[str]


def _by_reason(failed: Iterable[VideoHistory]) -> Sequence[FailedAlike]:
    """The failed videos by their reason, the most frequent first."""
    groups: dict[tuple[str, str], FailedAlike] = {}
    for video in failed:
        error, reason = video.error, without_uri(video.reason, video.source_uri)
        group = groups.setdefault((error, reason), FailedAlike(error=error, reason=reason, uris=[]))
        group.uris.append(video.source_uri)
    return sorted(groups.values(), key=lambda group: -len(group.uris))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStrip:
    """A strip in the page."""

    name: str
    """Of the source."""
    when: str
    source: str
    """Its picture as a data URI."""


def _strips(history: JobHistory, picture: Picture) -> Sequence[ShownStrip]:
    """The strips of the pairs that the method doubts most, and all of failed videos."""
    videos = {video.source_uri: video for video in history.videos}
    doubted = [strip for strip in history.strips if strip.doubt][:MOST_PICTURES]
    failed = [strip for strip in history.strips if videos[strip.source_uri].state == "failed"][:MOST_PICTURES]
    shown = {strip.chunk_id: strip for strip in (*failed, *doubted)}
    found = ((strip, picture(strip)) for strip in list(shown.values())[:MOST_PICTURES])
    return [
        ShownStrip(
            name=PurePosixPath(strip.source_uri).name,
            when=_when(strip, videos[strip.source_uri]),
            source=f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
        )
        for strip, data in found
        if data is not None
    ]


def _when(strip: StripHistory, video: VideoHistory) -> str:
    """Where in the output a strip is, and how much it is doubted."""
    at_s = strip.frame * video.duration_s / video.frames if video.frames else None
    place = f"frame {strip.frame:,}" if at_s is None else f"{int(at_s // 60)}:{at_s % 60:04.1f}, frame {strip.frame:,}"
    return place if strip.doubt is None else f"{place}, doubt {strip.doubt}/16"


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _tiles(history: JobHistory, num_videos: int, budget: str) -> Sequence[Tile]:
    published, failed = len(history.of_state("published")), len(history.of_state("failed"))
    num_videos = max(num_videos, len(history.videos))
    left = num_videos - published - failed
    machine_s = sum(one.took_s for one in history.attempts)
    span_s = history.ended_s - history.began_s
    waited = history.runs > 1 and span_s > 1.05 * history.run_s
    return [
        Tile(value=f"{published:,}", label=f"published of {num_videos:,}", mood="" if left or failed else "good"),
        Tile(value=f"{failed:,}", label="failed", mood="bad" if failed else ""),
        Tile(value=f"{left:,}", label="left"),
        Tile(value=f"{history.num_frames:,}", label="output frames made"),
        Tile(value=f"{history.num_frames / max(1.0, history.run_s):.2f}", label="frames per second"),
        Tile(value=duration(history.run_s), label=f"in {counted(history.runs, 'run')}"),
        *([Tile(value=duration(span_s), label="from first to last")] if waited else []),
        Tile(value=duration(machine_s), label="of workers and tasks"),
        *([Tile(value=budget, label="of the budget spent")] if budget else []),
        Tile(value=size(sum(video.size_bytes for video in history.videos)), label="of outputs"),
        Tile(value=f"{size(history.read_bytes)} / {size(history.written_bytes)}", label="read / written"),
    ]


def _busy(track: SlotHistory, run_s: float) -> Mapping[str, Any]:
    number = sum(piece.number for piece in track.pieces)
    return {
        "host": track.host,
        "name": track.name,
        "number": number,
        "busy_s": track.busy_s,
        "share": track.busy_s / run_s,
    }


# ---- data of the scripts ---------------------------------------------------------------------------------------------

_COLUMNS = (
    *("source", "output", "state", "frames", "made", "held", "duration_s", "size_bytes", "machine_s"),
    *("failed_attempts", "num_notes", "notes", "error", "reason"),
)


def _data(history: JobHistory, tracks: Sequence[SlotHistory], span_s: float, folder: str) -> Mapping[str, Any]:
    numbers = {video.source_uri: number for number, video in enumerate(history.videos)}
    notes: dict[str, int] = {}
    for video in history.videos:
        for note in video.notes:
            notes.setdefault(note, len(notes))
    return {
        "span_s": round(span_s, 3),
        "throughput": throughput(history),
        "columns": _COLUMNS,
        "videos": [_row(video, notes) for video in history.videos],
        "notes": list(notes),
        "strips": _linked_strips(history, numbers) if folder else [],
        "folder": folder,
        "uris": [PurePosixPath(video.source_uri).name for video in history.videos],
        "tracks": [_track(track, history.began_s, numbers) for track in tracks],
    }


def _linked_strips(history: JobHistory, numbers: Mapping[str, int]) -> Sequence[Sequence[Any]]:
    """Of each strip the video, where its picture is, its frame and its doubt."""
    return [
        (numbers[strip.source_uri], f"{strip.video_id}/strips/{strip.chunk_id}.jpg", strip.frame, strip.doubt)
        for strip in history.strips
    ]


def _row(video: VideoHistory, notes: Mapping[str, int]) -> Sequence[Any]:
    held = sum(number for kind, number in video.counts.items() if kind.startswith("held"))
    return (
        *(video.source_uri, video.output_uri, video.state, video.frames, video.counts.get("made", 0), held),
        *(round(video.duration_s, 2), video.size_bytes, round(video.machine_s, 1), video.failed_attempts),
        *(len(video.notes), [notes[note] for note in video.notes], video.error, video.reason),
    )


def _track(track: SlotHistory, zero_s: float, numbers: Mapping[str, int]) -> Mapping[str, Any]:
    pieces = [
        (
            round(piece.began_s - zero_s, 3),
            round(piece.ended_s - piece.began_s, 3),
            2 if piece.first.is_failure else int(piece.first.step != "interpolate"),
            piece.number,
            numbers[piece.first.source_uri],
            piece.first.chunk,
            piece.first.step,
        )
        for piece in track.pieces
    ]
    return {"host": track.host, "name": track.name, "pieces": pieces}
