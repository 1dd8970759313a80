"""Dry run: what a run of a job would do with each video."""

from slomo_batch.commands.triage import triage
from slomo_batch.errors import SlomoError
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan import s3_requests
from slomo_batch.plan.job_pin import Basis, JobPin
from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.plan.stored_plan import PlannedVideo
from slomo_batch.plan.survey import survey_reasons
from slomo_batch.records import VideoFailed, VideoRequest
from slomo_batch.report.events import Display, SurveyAdvanced
from slomo_batch.report.plan_row import Plan, PlanRow
from slomo_batch.scheduler.machines import ClusterSettings, basis_of, open_machines, probe_abilities
from slomo_batch.scheduler.preflight import check_work_store
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.job_pin import pin_basis, pin_job, pinned_basis
from slomo_batch.steps.open import preview_video
from slomo_batch.steps.survey import survey_video
from slomo_batch.wiring import JobEnvironment, environment_of, open_context

INDEXED = "mov,mp4"
"""Beginning of FFmpeg's name of the containers that have one index of all packets."""


def plan(manifest: Manifest, *, strict: bool = False, surveys: Display | None = None) -> Plan:
    """Find out what a run would do with each video. Reads the sources' headers; writes nothing.

    With `strict`, every input must name a video. With `surveys`, the videos that are planned from a survey are surveyed
    first, in this process, and their surveys are stored for the run; the display shows the progress.
    """
    environment = environment_of(manifest)
    context = open_context(environment)
    found = find_videos(manifest, context.locate, strict=strict)
    if surveys:
        check_work_store(context)
    pin = pin_job(
        _basis(manifest, environment, context, pins=bool(surveys)), found.requests, context, dry_run=not surveys
    )
    piles = triage(found.requests, pin, context, retry_failed=False, other_names=found.other_names)
    rows = [_row_of_failure(failed, "fail") for failed in found.missing]
    rows += [_row_of_failure(refused.failed, "fail") for refused in piles.refused]
    rows += [_row_of_failure(failed, "wait") for failed in piles.waiting]
    rows += [_skipped(request, "published before") for request in piles.done]
    rows += [
        _skipped(request, "published before, under the name that another input gives") for request in piles.renamed
    ]
    for one in piles.wanted:
        rows.append(_row(one.request, pin, context, state="changed" if one.changed else "make", surveys=surveys))
    return Plan(rows=tuple(rows), empty=found.empty)


def _basis(manifest: Manifest, environment: JobEnvironment, context: StepContext, *, pins: bool) -> Basis:
    """What the job's first run pinned. Before that: what this process can do; or, to pin it, what workers can do."""
    basis = pinned_basis(context)
    if basis is not None:
        return basis
    if not pins:
        return basis_of(probe_abilities())
    with open_machines(ClusterSettings.of(manifest.job.cluster), environment) as machines:
        return pin_basis(basis_of(machines.abilities), context)


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


def _row(request: VideoRequest, pin: JobPin, context: StepContext, *, state: str, surveys: Display | None) -> PlanRow:
    try:
        planned = preview_video(request, pin, context)
        facts = planned.stored.plan.facts
        if surveys and survey_reasons(facts, request.settings) and facts.surveyed is None:
            for num_pictures, num_total in survey_video(request, pin, context):
                surveys.show(SurveyAdvanced(uri=request.source.uri, num_pictures=num_pictures, num_total=num_total))
            planned = preview_video(request, pin, context)
    except SlomoError as error:
        return _row_of_failure(VideoFailed.of(request, error), "fail")
    stored = planned.stored
    return PlanRow(
        uri=request.source.uri,
        output_uri=request.output_uri,
        state="resume" if planned.existing.done else state,
        num_source_frames=len(stored.plan.grid.pairs(stored.plan.facts.num_frames)),
        num_output_frames=stored.plan.grid.num_frames,
        num_chunks=len(stored.chunks),
        size_bytes=request.source.size_bytes,
        notes=(*planned.notes, *stored.notes),
        problem="",
        s3_requests=_requests(planned, context, sidecar=request.sidecar),
    )


def _requests(planned: PlannedVideo, context: StepContext, *, sidecar: bool) -> S3Requests:
    """Requests that the video would make to S3.

    The size of the output is not known yet: it is taken to have as many bytes per frame as the source.
    """
    stored = planned.stored
    source, output_uri, facts = stored.plan.request.source, stored.plan.request.output_uri, stored.plan.facts
    num_chunks = len(stored.chunks)
    output_bytes = source.size_bytes * stored.plan.grid.num_frames // max(1, facts.num_frames)
    asked, is_surveyed = S3Requests(), bool(survey_reasons(facts, stored.plan.request.settings))
    if source.uri.is_billed:
        has_index = facts.container.startswith(INDEXED)
        asked += s3_requests.of_source(source.size_bytes, has_index=has_index, is_surveyed=is_surveyed)
    if context.work.root.is_billed:
        asked += s3_requests.of_work(
            num_chunks - len(planned.existing.done),
            has_audio=planned.existing.needs_audio,
            chunk_bytes=source.size_bytes // num_chunks,
            segment_bytes=output_bytes // num_chunks,
            is_surveyed=is_surveyed,
        )
    if output_uri.is_billed:
        asked += s3_requests.of_output(output_bytes, sidecar=sidecar)
    return asked
