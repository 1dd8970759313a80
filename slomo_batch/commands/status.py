"""What may be asked of a job without running it: where it stands, what ran, what it can spare. Loads no torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from slomo_batch.commands.gc import Garbage, delete_garbage, find_garbage
from slomo_batch.errors import JobTaken, ManifestError, WorkDamaged
from slomo_batch.manifest.schema import Manifest
from slomo_batch.report.events import JobStatus
from slomo_batch.report.ledger import read_ledger
from slomo_batch.report.trace import trace
from slomo_batch.scheduler.leases import is_led
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed
from slomo_batch.storage.uris import normalise_uri
from slomo_batch.storage.work_layout import parts_of
from slomo_batch.wiring import JobEnvironment, environment_of, open_context

# ---- status --------------------------------------------------------------------------------------------------------


def status(wanted: Manifest | str, work: str = "") -> JobStatus:
    """Where a job stands, from what its driver wrote last."""
    environment = _environment(wanted, work)
    context = open_context(environment)
    told = _latest_progress(context)
    if told is None:
        return JobStatus(
            job=environment.job,
            state="unknown",
            videos_done=0,
            videos_failed=0,
            videos_total=0,
            chunks_done=0,
            chunks_total=0,
            frames_done=0,
            updated="",
            failures=(),
        )
    if told.state == "running" and not is_led(context.work, context.layout):
        return replace(told, state="interrupted")
    return told


def _latest_progress(context: StepContext) -> JobStatus | None:
    """What the last driver wrote; None where nothing is written, or it is damaged: a driver writes it again."""
    layout = context.layout
    listed = context.work.list(layout.progresses)
    numbers = [int(number) for found in listed for number in parts_of(layout, "progress", found.key)]
    try:
        return committed(context.work, layout.progress(max(numbers)), JobStatus) if numbers else None
    except WorkDamaged:
        return None


def _environment(wanted: Manifest | str, work: str) -> JobEnvironment:
    """Of a manifest, or of a job by its name and its work place."""
    if isinstance(wanted, str):
        return JobEnvironment(work_uri=normalise_uri(work, Path.cwd()), job=wanted)
    return environment_of(wanted)


# ---- timeline ------------------------------------------------------------------------------------------------------


def timeline(wanted: Manifest | str, work: str = "", *, last_hours: float | None = None) -> Iterator[str]:
    """What ran where and when, as the text of a trace, in pieces; all of the job, or its last hours.

    Raises:
        ManifestError: the work place holds no ledger of such a job.
    """
    context = open_context(_environment(wanted, work))
    layout = context.layout
    keys = [found.key for found in context.work.list(layout.ledger) if parts_of(layout, "ledger_part", found.key)]
    if not keys:
        raise ManifestError("there is no ledger: the job has not begun", where=context.work.uri(context.layout.ledger))
    return trace(read_ledger(context.work.get(key) for key in keys), last_hours=last_hours)


# ---- gc ------------------------------------------------------------------------------------------------------------


def gc(wanted: Manifest | str, work: str = "", *, delete: bool) -> list[Garbage]:
    """What the job no longer needs in its work place; with `delete` it is gone afterwards.

    Raises:
        JobTaken: somebody is running the job.
    """
    context = open_context(_environment(wanted, work))
    if is_led(context.work, context.layout):
        raise JobTaken(
            "this job is being run",
            where=context.work.uri(context.layout.root),
            remedy="Wait for its end. If its driver is gone, run the job: a run takes it over after half a minute.",
        )
    found = find_garbage(context)
    if delete:
        delete_garbage(found, context)
    return found
