"""Triage: what is to be done for each video that was asked for, from what stands in the work store and at the outputs.

A receipt whose output stands is done, whatever the code's version. An output without a receipt is somebody else's,
unless this job had begun to upload to that very name when it was stopped, or put there what it made of an earlier
version of the same source.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Literal

from slomo_batch.errors import OutputExists, SlomoError, WorkDamaged
from slomo_batch.plan.ids import earlier_video_ids, receipt_id, video_id
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records import PendingVideo, VideoFailed, VideoRequest
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.output_ownership import begun, is_earlier_version, look, owned
from slomo_batch.steps.stored_records import read_record
from slomo_batch.storage.existence import standing
from slomo_batch.storage.work_layout import parts_of

Claim = Literal["ours", "changed", "foreign"]
"""What an output without a receipt is to the video: begun by this job or to be replaced whosever it is; this job's own,
of an earlier version of the source; somebody else's."""
LOOKUPS_AT_A_TIME = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A video that is not even begun, and why."""

    failed: VideoFailed
    receipt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Every video asked for, in one of five piles."""

    wanted: tuple[PendingVideo, ...]
    done: tuple[VideoRequest, ...]
    """Published by an earlier run."""
    renamed: tuple[VideoRequest, ...]
    """Published by an earlier run under the name that another input gives; these carry that name."""
    refused: tuple[Refused, ...]
    """Something else stands where the output belongs, or it cannot be looked at."""
    waiting: tuple[VideoFailed, ...]
    """Given up by an earlier run; they wait for --retry-failed."""
    retried: tuple[str, ...]
    """Keys of the failures of those that are wanted all the same."""
    other_receipts: tuple[str, ...] = ()
    """Ids of the job's receipts that belong to none of these requests: of other settings, sources or manifests."""


def triage(
    requests: Sequence[VideoRequest],
    pin: JobPin,
    context: StepContext,
    *,
    retry_failed: bool,
    force: bool = False,
    other_names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Triage:
    """Sort the videos. One listing of the receipts and the failures, and of the outputs' folders; no request per video
    that is done. With `force` none is done and none waits: what this job published it makes again.

    `other_names`, by the URI of a source: other outputs of it. One that this job published is not made twice."""
    receipts, failures = _receipts(context), _failures(context)
    others = (output_uri for output_uris in other_names.values() for output_uri in output_uris)
    outputs = standing(chain((request.output_uri for request in requests), others), context.locate)
    wanted, done, renamed, refused, waiting = [], [], [], [], []
    contested: list[tuple[VideoRequest, str]] = []
    asked_for = set()
    for request in requests:
        receipt = receipt_id(request, pin.weights_name(request.settings))
        asked_for.add(receipt)
        has_output = request.output_uri in outputs.present
        if request.output_uri in outputs.unknown:
            unknown = _failed(request, outputs.unknown[request.output_uri])
            refused.append(Refused(failed=unknown, receipt_id=receipt))
        elif receipt in receipts and has_output and not force:
            done.append(request)
        elif receipt in failures and not (retry_failed or force):
            waiting.append(_failure(failures[receipt][-1], request, context))
        elif has_output and receipt not in receipts:
            contested.append((request, receipt))
        elif not force and (other := _published_as(request, other_names, receipts, outputs.present, pin)):
            renamed.append(other)
        else:
            afresh = receipt in receipts
            wanted.append(PendingVideo(request=request, receipt_id=receipt, afresh=afresh, is_free=not has_output))
    for (request, receipt), claim in zip(contested, _claims(contested, pin, context), strict=True):
        if claim == "foreign":
            refused.append(Refused(failed=_conflict(request), receipt_id=receipt))
        else:
            wanted.append(PendingVideo(request=request, receipt_id=receipt, afresh=False, changed=claim == "changed"))
    return Triage(
        wanted=tuple(wanted),
        done=tuple(done),
        renamed=tuple(renamed),
        refused=tuple(refused),
        waiting=tuple(waiting),
        retried=tuple(key for one in wanted for key in failures.get(one.receipt_id, ())),
        other_receipts=tuple(sorted(receipts - asked_for)),
    )


def _published_as(
    request: VideoRequest,
    other_names: Mapping[str, Sequence[str]],
    receipts: Collection[str],
    outputs: Collection[str],
    pin: JobPin,
) -> VideoRequest | None:
    """The same request under another name, if this job published it there and the output exists."""
    for output_uri in other_names.get(request.source.uri, ()):
        other = replace(request, output_uri=output_uri)
        if output_uri in outputs and receipt_id(other, pin.weights_name(other.settings)) in receipts:
            return other
    return None


def _receipts(context: StepContext) -> set[str]:
    layout = context.layout
    return {
        receipt for found in context.work.list(layout.receipts) for receipt in parts_of(layout, "receipt", found.key)
    }


def _failures(context: StepContext) -> dict[str, list[str]]:
    """Keys of the failures of each receipt id, in the order of their epochs."""
    keys: dict[str, list[str]] = defaultdict(list)
    for found in context.work.list(context.layout.failures):
        for receipt in parts_of(context.layout, "failure", found.key)[1:]:
            keys[receipt].append(found.key)
    return keys


def _failure(key: str, request: VideoRequest, context: StepContext) -> VideoFailed:
    """Why a video was given up; a damaged record still says that it was."""
    source_uri, output_uri = request.source.uri, request.output_uri
    remedy = "Why the video failed is not known any more: run again with --retry-failed."
    try:
        return read_record(
            context.work,
            key,
            VideoFailed,
            belongs=lambda failed: (failed.source_uri, failed.output_uri) == (source_uri, output_uri),
            remedy=remedy,
        )
    except WorkDamaged as damaged:
        return VideoFailed(
            source_uri=source_uri, output_uri=output_uri, error=type(damaged).__name__, reason=str(damaged)
        )


def _claims(contested: Sequence[tuple[VideoRequest, str]], pin: JobPin, context: StepContext) -> list[Claim]:
    with ThreadPoolExecutor(LOOKUPS_AT_A_TIME) as pool:
        return list(pool.map(partial(_claim, pin=pin, context=context), (request for request, _ in contested)))


def _claim(request: VideoRequest, *, pin: JobPin, context: StepContext) -> Claim:
    ids = (video_id(request, pin), *earlier_video_ids(request, pin))
    if request.exists == "replace" or any(begun(one, context) for one in ids):
        return "ours"
    if request.exists == "skip":
        try:
            earlier = owned(request.output_uri, look(request.output_uri, context), context)
        except WorkDamaged:  # whose the output is cannot be told: it is left alone
            return "foreign"
        if is_earlier_version(earlier, request, pin.weights_name(request.settings)):
            return "changed"
    return "foreign"


def _conflict(request: VideoRequest) -> VideoFailed:
    error = OutputExists(
        "stands already, and is not what this job made of this source with these settings, or was touched since",
        where=request.output_uri,
        remedy="Move it away, choose another output.uri, or set output.exists: replace.",
    )
    return _failed(request, error)


def _failed(request: VideoRequest, error: SlomoError) -> VideoFailed:
    return VideoFailed(
        source_uri=request.source.uri,
        output_uri=request.output_uri,
        error=type(error).__name__,
        reason=str(error),
    )


def forget_failures(piles: Triage, context: StepContext) -> None:
    """The failures of what is wanted are deleted: the videos are tried again."""
    context.work.delete(piles.retried)
