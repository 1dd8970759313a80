"""The requests to S3 that a job has sent, estimated from its ledger, which records attempts and bytes only."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pyarrow as pa

from slomo_batch.plan.s3_requests import BLOCK_BYTES, S3Requests, of_driving, of_output, of_work
from slomo_batch.uri import Uri

_READING_SOURCES = frozenset({"open", "survey", "split"})
"""Steps that read little but the source."""
_COLUMNS = ("kind", "source_uri", "output_uri", "step", "size_bytes", "read_bytes")


@dataclass(slots=True)
class _VideoTraffic:
    """What the ledger records of one video, failed attempts included."""

    source_reads: list[int] = field(default_factory=list)
    """Bytes that each step read of the source."""
    chunk_reads: list[int] = field(default_factory=list)
    """Bytes that each attempt at a chunk read."""
    segments: list[int] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    outputs: list[tuple[str, int]] = field(default_factory=list)
    """Where each published output is, and its size in bytes."""


def requests_of(ledger: pa.Table, *, work_is_billed: bool, run_s: float) -> S3Requests:
    """Estimate the requests of all runs of a job.

    Args:
        ledger: as `report.ledger.read_ledger` returns it.
        work_is_billed: whether the work place is on S3.
        run_s: how long its drivers ran.
    """
    videos: dict[str, _VideoTraffic] = defaultdict(_VideoTraffic)
    for kind, source, output, step, size_bytes, read_bytes in zip(
        *(ledger[name].to_pylist() for name in _COLUMNS), strict=True
    ):
        if kind == "spent":
            continue
        video = videos[source]
        if step is not None:
            video.steps[step] += 1
        if step == "interpolate":
            video.chunk_reads.append(read_bytes or 0)
            video.segments += [size_bytes] if size_bytes else []
        elif step in _READING_SOURCES:
            video.source_reads.append(read_bytes or 0)
        elif kind == "video":
            video.outputs.append((output, size_bytes))
    total = sum((_of_video(uri, video, work_is_billed=work_is_billed) for uri, video in videos.items()), S3Requests())
    return total + of_driving(run_s / 3600) if work_is_billed else total


def _of_video(source_uri: str, video: _VideoTraffic, *, work_is_billed: bool) -> S3Requests:
    total = S3Requests()
    if Uri(source_uri).is_billed:
        total += S3Requests(get=sum(1 + read_bytes // BLOCK_BYTES for read_bytes in video.source_reads))
    if work_is_billed and video.chunk_reads:
        total += of_work(
            len(video.chunk_reads),
            has_audio=bool(video.steps["sound"]),
            chunk_bytes=_mean(video.chunk_reads),
            segment_bytes=_mean(video.segments),
            is_surveyed=bool(video.steps["survey"]),
        )
    for output_uri, size_bytes in video.outputs:
        if Uri(output_uri).is_billed:
            total += of_output(size_bytes, sidecar=True)  # the default; whether it was so is not recorded
    return total


def _mean(numbers: list[int]) -> int:
    return sum(numbers) // max(1, len(numbers))
