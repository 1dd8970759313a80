"""Dry run: what a run of a job would do with each video."""

from slomo_batch.commands.plan_hours import throughput_of, with_hours
from slomo_batch.commands.plan_rows import failure_row, planned_row, skipped_row
from slomo_batch.commands.triage import triage
from slomo_batch.errors import SlomoError
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan.ids import earlier_video_ids
from slomo_batch.plan.job_pin import Basis, JobPin
from slomo_batch.plan.stored_plan import PlannedVideo
from slomo_batch.plan.survey import survey_reasons
from slomo_batch.records import VideoFailed, VideoRequest
from slomo_batch.report.events import Display, SurveyAdvanced
from slomo_batch.report.plan_row import Plan
from slomo_batch.scheduler.machines import ClusterSettings, basis_of, open_machines, probe_abilities
from slomo_batch.scheduler.preflight import check_work_store
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.job_pin import pin_basis, pin_job, pinned_basis
from slomo_batch.steps.open import preview_video
from slomo_batch.steps.survey import survey_video
from slomo_batch.wiring import JobEnvironment, environment_of, open_context


def plan(
    manifest: Manifest,
    *,
    strict: bool = False,
    surveys: Display | None = None,
    frames_per_s: float | None = None,
) -> Plan:
    """Find out what a run would do with each video. Reads the sources' headers; writes nothing.

    With `strict`, every input must name a video. With `surveys`, the videos that are planned from a survey are surveyed
    first, in this process, and their surveys are stored for the run; the display shows the progress. `frames_per_s`:
    output frames that one machine makes per second, in place of what the job's ledger measured.
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
    rows = [failure_row(failed, "fail") for failed in found.missing]
    rows += [failure_row(refused.failed, "fail") for refused in piles.refused]
    rows += [failure_row(failed, "wait") for failed in piles.waiting]
    rows += [skipped_row(request, "published before") for request in piles.done]
    rows += [
        skipped_row(request, "published before, under the name that another input gives") for request in piles.renamed
    ]
    videos = {}
    for one in piles.wanted:
        planned = _plan_video(one.request, pin, context, surveys)
        if isinstance(planned, VideoFailed):
            rows.append(failure_row(planned, "fail"))
            continue
        state = "changed" if one.changed else "make"
        num_earlier = len(earlier_video_ids(one.request, pin))
        sidecar = one.request.sidecar
        rows.append(planned_row(planned, context, state=state, sidecar=sidecar, num_earlier=num_earlier))
        videos[planned.stored.plan.video_id] = rows[-1]
    return with_hours(rows, throughput_of(videos, context, given_per_s=frames_per_s), empty=found.empty)


def _basis(manifest: Manifest, environment: JobEnvironment, context: StepContext, *, pins: bool) -> Basis:
    """What the job's first run pinned. Before that: what this process can do; or, to pin it, what workers can do."""
    basis = pinned_basis(context)
    if basis is not None:
        return basis
    if not pins:
        return basis_of(probe_abilities())
    with open_machines(ClusterSettings.of(manifest.job.cluster), environment) as machines:
        return pin_basis(basis_of(machines.abilities), context)


def _plan_video(
    request: VideoRequest, pin: JobPin, context: StepContext, surveys: Display | None
) -> PlannedVideo | VideoFailed:
    try:
        planned = preview_video(request, pin, context)
        facts = planned.stored.plan.facts
        if surveys and survey_reasons(facts, request.settings) and facts.surveyed is None:
            for num_pictures, num_total in survey_video(request, pin, context):
                surveys.show(SurveyAdvanced(uri=request.source.uri, num_pictures=num_pictures, num_total=num_total))
            planned = preview_video(request, pin, context)
    except SlomoError as error:
        return VideoFailed.of(request, error)
    return planned
