"""Triage: what is to be done for each video that was asked for, from what stands in the work store and at the outputs.

A receipt whose output stands is done, whatever the code's version. An output without a receipt is somebody else's,
unless this job had begun to upload to that very name when it was stopped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from slomo_batch.documents import from_json
from slomo_batch.errors import ObjectMissing, OutputExists
from slomo_batch.planning.identity import receipt_id, video_id
from slomo_batch.planning.resolving import JobPin
from slomo_batch.records import VideoFailed, VideoRequest
from slomo_batch.steps.bench import Bench
from slomo_batch.storage.presence import standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A video that is to be made."""

    request: VideoRequest
    receipt_id: str
    afresh: bool
    """True where an earlier publication's receipt stands: its output is gone, or is to be made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A video that is not even begun, and why."""

    failed: VideoFailed
    receipt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Every video asked for, in one of four piles."""

    wanted: tuple[Wanted, ...]
    done: tuple[VideoRequest, ...]
    """Published by an earlier run."""
    refused: tuple[Refused, ...]
    """Something else stands where the output belongs."""
    waiting: tuple[VideoFailed, ...]
    """Given up by an earlier run; they wait for --retry-failed."""


def triage(
    requests: Sequence[VideoRequest], pin: JobPin, bench: Bench, *, retry_failed: bool, force: bool = False
) -> Triage:
    """Sort the videos. One listing of the receipts and the failures, and of the outputs' folders; no request per video
    that is done. With `force` none is done and none waits: what this job published it makes again."""
    receipts, failures = _stems(bench, bench.layout.receipts), _stems(bench, bench.layout.failures)
    outputs = standing((request.output_uri for request in requests), bench.locate)
    wanted, done, refused, waiting = [], [], [], []
    for request in requests:
        receipt = receipt_id(request, _weights_name(request, pin))
        has_output = request.output_uri in outputs
        if receipt in receipts and has_output and not force:
            done.append(request)
        elif receipt in failures and not (retry_failed or force):
            waiting.append(from_json(VideoFailed, bench.work.get(bench.layout.failure(receipt))))
        elif has_output and not (receipt in receipts or _may_replace(request, pin, bench)):
            refused.append(Refused(failed=_conflict(request), receipt_id=receipt))
        else:
            wanted.append(Wanted(request=request, receipt_id=receipt, afresh=receipt in receipts))
    return Triage(wanted=tuple(wanted), done=tuple(done), refused=tuple(refused), waiting=tuple(waiting))


def _stems(bench: Bench, prefix: str) -> set[str]:
    return {PurePosixPath(found.key).stem for found in bench.work.list(prefix)}


def _weights_name(request: VideoRequest, pin: JobPin) -> str:
    interpolate = request.settings.interpolate
    return pin.weights[interpolate.weights].name if interpolate.method == "superslomo" else ""


def _may_replace(request: VideoRequest, pin: JobPin, bench: Bench) -> bool:
    """Whether what stands under the output's name may give way: the settings say so, or this job began to put it."""
    if request.exists == "replace":
        return True
    try:
        bench.work.get(bench.layout.publishing(video_id(request, pin)))
    except ObjectMissing:
        return False
    return True


def _conflict(request: VideoRequest) -> VideoFailed:
    error = OutputExists(
        "stands already, and was not made of this source with these settings by this job",
        where=request.output_uri,
        remedy="Move it away, choose another output.uri, or set output.exists: replace.",
    )
    return VideoFailed(
        source_uri=request.source.uri,
        output_uri=request.output_uri,
        error=type(error).__name__,
        reason=str(error),
    )


def forget_failures(receipts: Iterable[str], bench: Bench) -> None:
    """The records of these failures are deleted: the videos are tried again."""
    bench.work.delete([bench.layout.failure(receipt) for receipt in receipts])
