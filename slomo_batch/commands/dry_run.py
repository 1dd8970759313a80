"""Outlook: what a run of a job would do, of which nothing is done."""

from slomo_batch.commands.triage import triage
from slomo_batch.errors import SlomoError
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan import s3_requests
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.plan.stored_plan import PlannedVideo
from slomo_batch.records import VideoFailed, VideoRequest
from slomo_batch.report.events import Plan, PlanRow
from slomo_batch.scheduler.machines import ClusterWish, basis_of, probe_abilities
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.job_pin import pin_job, pinned_basis
from slomo_batch.steps.open import foresee
from slomo_batch.storage.location import is_s3
from slomo_batch.wiring import environment_of, open_context

INDEXED = "mov,mp4"
"""How FFmpeg's name of a container begins that tells at one place where all its packets are."""


def plan(manifest: Manifest, *, strict: bool = False) -> Plan:
    """What a run would do with each video. Reads the sources' heads; writes nothing.

    `strict`: only if every input names a video.
    """
    context = open_context(environment_of(manifest))
    found = find_videos(manifest, context.locate, strict=strict)
    basis = pinned_basis(context) or basis_of(probe_abilities(), ClusterWish.of(manifest.cluster))
    pin = pin_job(basis, found.requests, context, dry_run=True)
    piles = triage(found.requests, pin, context, retry_failed=False, other_names=found.other_names)
    rows = [_row_of_failure(failed, "fail") for failed in found.missing]
    rows += [_row_of_failure(refused.failed, "fail") for refused in piles.refused]
    rows += [_row_of_failure(failed, "wait") for failed in piles.waiting]
    rows += [_skipped(request, "published before") for request in piles.done]
    rows += [
        _skipped(request, "published before, under the name that another input gives") for request in piles.renamed
    ]
    rows += [_row(one.request, pin, context, state="changed" if one.changed else "make") for one in piles.wanted]
    return Plan(rows=tuple(rows), empty=found.empty)


def _row_of_failure(failed: VideoFailed, state: str) -> PlanRow:
    return PlanRow(
        uri=failed.source_uri,
        output_uri=failed.output_uri,
        state=state,
        num_source_frames=0,
        num_output_frames=0,
        num_chunks=0,
        size_bytes=0,
        notes=(),
        problem=failed.reason,
    )


def _skipped(request: VideoRequest, note: str) -> PlanRow:
    return PlanRow(
        uri=request.source.uri,
        output_uri=request.output_uri,
        state="skip",
        num_source_frames=0,
        num_output_frames=0,
        num_chunks=0,
        size_bytes=request.source.size_bytes,
        notes=(note,),
        problem="",
    )


def _row(request: VideoRequest, pin: JobPin, context: StepContext, *, state: str) -> PlanRow:
    try:
        foreseen = foresee(request, pin, context)
    except SlomoError as error:
        failed = VideoFailed(
            source_uri=request.source.uri,
            output_uri=request.output_uri,
            error=type(error).__name__,
            reason=str(error),
        )
        return _row_of_failure(failed, "fail")
    stored = foreseen.stored
    return PlanRow(
        uri=request.source.uri,
        output_uri=request.output_uri,
        state="resume" if foreseen.done else state,
        num_source_frames=stored.plan.facts.num_frames,
        num_output_frames=stored.plan.grid.num_frames,
        num_chunks=len(stored.chunks),
        size_bytes=request.source.size_bytes,
        notes=(*foreseen.notes, *stored.notes),
        problem="",
        s3_requests=_requests(foreseen, context),
    )


def _requests(foreseen: PlannedVideo, context: StepContext) -> S3Requests:
    """What the video would ask of S3. How large its output will be is not known: as many bytes per frame as the source
    has are assumed."""
    stored = foreseen.stored
    source, output_uri, facts = stored.plan.request.source, stored.plan.request.output_uri, stored.plan.facts
    num_chunks = len(stored.chunks)
    output_bytes = source.size_bytes * stored.plan.grid.num_frames // max(1, facts.num_frames)
    asked = S3Requests()
    if is_s3(source.uri):
        asked += s3_requests.of_source(source.size_bytes, has_index=facts.container.startswith(INDEXED))
    if is_s3(context.work.root):
        asked += s3_requests.of_work(
            num_chunks - len(foreseen.done),
            has_sound=foreseen.needs_sound,
            chunk_bytes=source.size_bytes // num_chunks,
            segment_bytes=output_bytes // num_chunks,
        )
    if is_s3(output_uri):
        asked += s3_requests.of_output(output_bytes)
    return asked
