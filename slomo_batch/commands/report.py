"""The report of a job: a page for a browser, made from the ledger."""

from slomo_batch.commands.ledger_parts import ledger_of
from slomo_batch.commands.status import environment_for, latest_progress
from slomo_batch.errors import ObjectMissing
from slomo_batch.manifest.schema import Manifest
from slomo_batch.report.events import JobStatus
from slomo_batch.report.pages.job_history import StripHistory
from slomo_batch.report.pages.job_page import job_page
from slomo_batch.report.units import spent
from slomo_batch.steps.context import StepContext
from slomo_batch.uri import Uri
from slomo_batch.wiring import open_context


def report(wanted: Manifest | str, work: str = "") -> str:
    """Return the HTML of the report of a job.

    Raises:
        ManifestError: the work place holds no ledger of such a job.
    """
    return _page(open_context(environment_for(wanted, work)))


def write_report(context: StepContext) -> Uri:
    """Write the report of a job into its work place, and return its location.

    Raises:
        ManifestError: the work place holds no ledger of such a job.
    """
    key = context.layout.report
    context.work.put(key, _page(context, folder="videos").encode())
    return context.work.uri(key)


def _page(context: StepContext, *, folder: str = "") -> str:
    def picture(strip: StripHistory) -> bytes | None:
        try:
            return context.work.get(context.layout.strip(strip.video_id, strip.chunk_id))
        except ObjectMissing:
            return None

    progress = latest_progress(context)
    return job_page(
        ledger_of(context),
        state="" if progress is None else progress.state,
        num_videos=0 if progress is None else progress.videos_total,
        retry="slomo-batch run MANIFEST --retry-failed",
        picture=picture,
        folder=folder,
        work_is_billed=context.work.root.is_billed,
        failures=() if progress is None else progress.failures,
        budget="" if progress is None else _budget(progress),
    )


def _budget(progress: JobStatus) -> str:
    if progress.budget_hours is None:
        return ""
    return spent(progress.spent_hours, progress.budget_hours, progress.price_per_hour)
