"""The plan of a job: what a run of it would do with each video."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from slomo_batch.commands.budget import budget_meter
from slomo_batch.commands.plan_hours import throughput_of, with_hours
from slomo_batch.commands.plan_rows import failure_row, planned_row, skipped_row
from slomo_batch.commands.progress_counter import ProgressCounter
from slomo_batch.commands.triage import Triage, triage
from slomo_batch.errors import SlomoError
from slomo_batch.manifest.inputs import FoundVideos, find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan.ids import earlier_video_ids
from slomo_batch.plan.job_pin import Basis, JobPin
from slomo_batch.plan.survey import survey_reasons
from slomo_batch.records.requests import PendingVideo
from slomo_batch.records.results import VideoFailed
from slomo_batch.report.events import Activity, Event, SurveyAdvanced
from slomo_batch.report.plan_row import Plan, PlanRow
from slomo_batch.scheduler.abilities import basis_of, probe_abilities
from slomo_batch.scheduler.machines import ClusterSettings, open_machines
from slomo_batch.scheduler.preflight import check_work_store
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.job_pin import pin_basis, pin_job, pinned_basis
from slomo_batch.steps.open import preview_video
from slomo_batch.steps.survey import survey_video
from slomo_batch.wiring import JobEnvironment, environment_of, open_context

PROBES_AT_A_TIME = 8
"""Sources that are read at the same time. Each holds a few decoded pictures."""

Show = Callable[[Event], object]


def plan(
    manifest: Manifest,
    *,
    strict: bool = False,
    surveys: bool = False,
    frames_per_s: float | None = None,
    show: Show = lambda _: None,
) -> Plan:
    """Find out what a run would do with each video. Reads the sources' headers; writes nothing.

    With `strict`, every input must name a video. With `surveys`, the videos that are planned from a survey are surveyed
    too, in this process, and their surveys are stored for the run. `frames_per_s`: output frames that one machine makes
    per second, in place of what the job's ledger measured. `show` is called with events that say how far it is.
    """
    environment = environment_of(manifest)
    context = open_context(environment)
    lookups = ProgressCounter("looking up videos", show)
    lookups.begin()
    found = find_videos(manifest, context.locate, strict=strict, advanced=lookups.advanced)
    if surveys:
        check_work_store(context)
    pin = pin_job(
        _basis(manifest, environment, context, show, pins=surveys), found.requests, context, dry_run=not surveys
    )
    piles = triage(found.requests, pin, context, retry_failed=False, other_names=found.other_names)
    rows = list(_rows_of_others(found, piles))
    videos = {}
    for planned in _read_sources(piles.wanted, pin, context, show, surveys=surveys):
        rows.append(planned.row)
        if planned.video_id:
            videos[planned.video_id] = planned.row
    whole = with_hours(rows, throughput_of(videos, context, given_per_s=frames_per_s), empty=found.empty)
    meter = budget_meter(manifest.job.budget, context)
    return replace(
        whole,
        spent_hours=meter.spent_hours,
        budget_hours=meter.limit_hours,
        price_per_hour=meter.price_per_hour,
    )


def _basis(manifest: Manifest, environment: JobEnvironment, context: StepContext, show: Show, *, pins: bool) -> Basis:
    """What the job's first run pinned. Before that: what this process can do; or, to pin it, what workers can do."""
    basis = pinned_basis(context)
    if basis is not None:
        return basis
    if not pins:
        ProgressCounter("examining this machine", show).begin()
        return basis_of(probe_abilities())
    settings = ClusterSettings.of(manifest.job.cluster)

    def tell(text: str) -> None:
        show(Activity(text=text))

    with open_machines(settings, environment, tell=tell) as machines:
        return pin_basis(basis_of(machines.find_abilities(1)), context)


def _rows_of_others(found: FoundVideos, piles: Triage) -> Iterator[PlanRow]:
    """The rows of the videos that a run would not make."""
    yield from (failure_row(failed, "fail") for failed in found.missing)
    yield from (failure_row(refused.failed, "fail") for refused in piles.refused)
    yield from (failure_row(failed, "wait") for failed in piles.waiting)
    yield from (skipped_row(request, "published before") for request in piles.done)
    reason = "published before, under the name that another input gives"
    yield from (skipped_row(request, reason) for request in piles.renamed)


# ---- reading the sources ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A video that a run would make, or that cannot be planned."""

    row: PlanRow
    video_id: str = ""
    """Empty if it cannot be planned."""
    wants_survey: bool = False
    """Whether its plan is an estimate until it is surveyed."""


def _read_sources(
    wanted: Sequence[PendingVideo], pin: JobPin, context: StepContext, show: Show, *, surveys: bool
) -> list[_Planned]:
    """Plan the videos, in their order, and survey those first that need it if that is wanted.

    An interrupt ends it at once: threads that still read end with the process.
    """
    headers = ProgressCounter("reading headers", show)
    headers.begin(len(wanted))
    planned: list[_Planned] = []
    pool = ThreadPoolExecutor(PROBES_AT_A_TIME, thread_name_prefix="probe")
    try:
        answers = pool.map(lambda one: _planned(one, pin, context), wanted)
        for number, (one, answer) in enumerate(zip(wanted, answers, strict=True), 1):
            planned.append(_surveyed(one, pin, context, show) if surveys and answer.wants_survey else answer)
            headers.advanced(number, len(wanted))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return planned


def _planned(one: PendingVideo, pin: JobPin, context: StepContext) -> _Planned:
    request = one.request
    try:
        found = preview_video(request, pin, context)
    except SlomoError as error:
        return _Planned(row=failure_row(VideoFailed.of(request, error), "fail"))
    facts = found.stored.plan.facts
    num_earlier = len(earlier_video_ids(request, pin))
    state = "changed" if one.changed else "make"
    return _Planned(
        row=planned_row(found, context, state=state, sidecar=request.sidecar, num_earlier=num_earlier),
        video_id=found.stored.plan.video_id,
        wants_survey=bool(survey_reasons(facts, request.settings)) and facts.surveyed is None,
    )


def _surveyed(one: PendingVideo, pin: JobPin, context: StepContext, show: Show) -> _Planned:
    """Survey a video and plan it again."""
    pictures = ProgressCounter("surveying", show)
    try:
        for num_pictures, num_total in survey_video(one.request, pin, context):
            show(SurveyAdvanced(uri=one.request.source.uri, num_pictures=num_pictures, num_total=num_total))
            pictures.advanced(num_pictures, num_total)
    except SlomoError as error:
        return _Planned(row=failure_row(VideoFailed.of(one.request, error), "fail"))
    return _planned(one, pin, context)
