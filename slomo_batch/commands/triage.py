"""Triage: decide for each requested video whether to make it, from the records of the job and the outputs that exist.

A video with a receipt and an output is done, whichever version of the code made it. An output without a receipt belongs
to somebody else, unless this job had begun to upload it when it stopped, or made it from an earlier version of the same
source.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Literal

from slomo_batch.errors import OutputExists, WorkDamaged
from slomo_batch.plan.ids import earlier_video_ids, receipt_id, video_id
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import PendingVideo, VideoRequest
from slomo_batch.records.results import VideoFailed
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.output_ownership import has_begun_upload, is_earlier_version, output_object, read_ownership
from slomo_batch.steps.stored_records import read_each, read_record
from slomo_batch.storage.existence import find_existing
from slomo_batch.storage.work_layout import parts_of
from slomo_batch.uri import Uri

Owner = Literal["ours", "changed", "foreign"]
"""Whose an output without a receipt is. ours: this job began to upload it, or `exists: replace` allows to replace any;
changed: this job made it from an earlier version of the source; foreign: somebody else's."""
LOOKUPS_AT_A_TIME = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A video that this run does not begin, and why."""

    failed: VideoFailed
    receipt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """The requested videos, sorted by what is to be done."""

    wanted: tuple[PendingVideo, ...]
    done: tuple[VideoRequest, ...]
    """Published by an earlier run."""
    renamed: tuple[VideoRequest, ...]
    """Published by an earlier run under the name that another input gives; these carry that name."""
    refused: tuple[Refused, ...]
    """Another object exists under the output's name, or the output's place cannot be read."""
    waiting: tuple[VideoFailed, ...]
    """Failed in an earlier run; made again only with --retry-failed."""
    retried: tuple[str, ...]
    """Keys of the failure records of the videos that are made again."""
    other_receipts: tuple[str, ...] = ()
    """Ids of the job's receipts that belong to none of these requests: of other settings, sources or manifests."""


def triage(
    requests: Sequence[VideoRequest],
    pin: JobPin,
    context: StepContext,
    *,
    retry_failed: bool,
    force: bool = False,
    other_names: Mapping[Uri, Sequence[Uri]] = MappingProxyType({}),
) -> Triage:
    """Sort the videos. One listing of the receipts and the failures, and of the outputs' folders; no request per video
    that is done. With `force` none is done and none waits: what this job published it makes again.

    `other_names`, by the URI of a source: other outputs of it. One that this job published is not made twice."""
    receipts, failures = _receipts(context), _failures(context)
    others = (output_uri for output_uris in other_names.values() for output_uri in output_uris)
    outputs = find_existing(chain((request.output_uri for request in requests), others), context.locate)
    wanted, done, renamed, refused = [], [], [], []
    failed: list[tuple[VideoRequest, str]] = []
    contested: list[tuple[VideoRequest, str]] = []
    asked_for = set()
    for request in requests:
        receipt = receipt_id(request, pin.weights_name(request.settings))
        asked_for.add(receipt)
        has_output = request.output_uri in outputs.present
        if request.output_uri in outputs.unknown:
            unknown = VideoFailed.of(request, outputs.unknown[request.output_uri])
            refused.append(Refused(failed=unknown, receipt_id=receipt))
        elif receipt in receipts and has_output and not force:
            done.append(request)
        elif receipt in failures and not (retry_failed or force):
            failed.append((request, failures[receipt][-1]))
        elif has_output and receipt not in receipts:
            contested.append((request, receipt))
        elif not force and (other := _published_as(request, other_names, receipts, outputs.present, pin)):
            renamed.append(other)
        else:
            remake = receipt in receipts
            wanted.append(PendingVideo(request=request, receipt_id=receipt, remake=remake, is_free=not has_output))
    settled = list(_settled(contested, pin, context))
    wanted += [video for video in settled if isinstance(video, PendingVideo)]
    refused += [video for video in settled if isinstance(video, Refused)]
    return Triage(
        wanted=tuple(wanted),
        done=tuple(done),
        renamed=tuple(renamed),
        refused=tuple(refused),
        waiting=tuple(_failed_before(failed, context)),
        retried=tuple(key for one in wanted for key in failures.get(one.receipt_id, ())),
        other_receipts=tuple(sorted(receipts - asked_for)),
    )


def _settled(
    contested: Sequence[tuple[VideoRequest, str]], pin: JobPin, context: StepContext
) -> Iterator[PendingVideo | Refused]:
    """Decide on videos under whose output's name something exists: it is replaced only if this job made it."""
    for (request, receipt), owner in zip(contested, _owners(contested, pin, context), strict=True):
        if owner == "foreign":
            yield Refused(failed=_conflict(request), receipt_id=receipt)
        else:
            yield PendingVideo(request=request, receipt_id=receipt, remake=False, changed=owner == "changed")


def _published_as(
    request: VideoRequest,
    other_names: Mapping[Uri, Sequence[Uri]],
    receipts: Collection[str],
    outputs: Collection[str],
    pin: JobPin,
) -> VideoRequest | None:
    """The request with another output name, if this job published it under that name and the output exists."""
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
    """Keys of the failure records by receipt id, in the order of the drivers that wrote them."""
    keys: dict[str, list[str]] = defaultdict(list)
    for found in context.work.list(context.layout.failures):
        for receipt in parts_of(context.layout, "failure", found.key)[1:]:
            keys[receipt].append(found.key)
    return keys


def _failed_before(failed: Sequence[tuple[VideoRequest, str]], context: StepContext) -> Iterator[VideoFailed]:
    """The records of why these videos failed, in order; each comes with the key of its record."""
    with closing(read_each(context.work, partial(_failure, context=context), failed)) as reads:
        for read in reads:
            yield read()


def _failure(of: tuple[VideoRequest, str], context: StepContext) -> VideoFailed:
    """The record of why a video failed. A damaged record still says that it failed."""
    request, key = of
    source_uri, output_uri = request.source.uri, request.output_uri
    remedy = "The reason for the video's failure is lost: run again with --retry-failed."
    try:
        return read_record(
            context.work,
            key,
            VideoFailed,
            belongs=lambda failed: (failed.source_uri, failed.output_uri) == (source_uri, output_uri),
            remedy=remedy,
        )
    except WorkDamaged as damaged:
        return VideoFailed.of(request, damaged)


def _owners(contested: Sequence[tuple[VideoRequest, str]], pin: JobPin, context: StepContext) -> list[Owner]:
    with ThreadPoolExecutor(LOOKUPS_AT_A_TIME) as pool:
        return list(pool.map(partial(_owner, pin=pin, context=context), (request for request, _ in contested)))


def _owner(request: VideoRequest, *, pin: JobPin, context: StepContext) -> Owner:
    ids = (video_id(request, pin), *earlier_video_ids(request, pin))
    if request.exists == "replace" or any(has_begun_upload(one, context) for one in ids):
        return "ours"
    if request.exists == "skip":
        try:
            earlier = read_ownership(request.output_uri, output_object(request.output_uri, context), context)
        except WorkDamaged:  # it is not known whose the output is: leave it alone
            return "foreign"
        if is_earlier_version(earlier, request, pin.weights_name(request.settings)):
            return "changed"
    return "foreign"


def _conflict(request: VideoRequest) -> VideoFailed:
    error = OutputExists(
        "the output already exists, and this job did not make it from this source with these settings",
        where=request.output_uri,
        remedy="Move the file away, choose another output name, or replace it: with --overwrite of convert, or "
        "output.exists: replace in a manifest.",
    )
    return VideoFailed.of(request, error)


def forget_failures(piles: Triage, context: StepContext) -> None:
    """Delete the failure records of the videos that this run tries again."""
    context.work.delete(piles.retried)
