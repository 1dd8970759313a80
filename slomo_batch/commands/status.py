"""Queries about a job that do not run it: its status, its timeline, and its garbage. Loads no torch."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from slomo_batch.commands.gc import Garbage, delete_garbage, find_garbage
from slomo_batch.commands.ledger_parts import ledger_of
from slomo_batch.errors import JobTaken, WorkDamaged
from slomo_batch.manifest.schema import Manifest
from slomo_batch.records.results import Published
from slomo_batch.report.events import JobStatus
from slomo_batch.report.trace import trace
from slomo_batch.scheduler.leases import is_led
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import committed
from slomo_batch.storage.work_layout import parts_of
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, environment_of, open_context

# ---- status --------------------------------------------------------------------------------------------------------


def status(wanted: Manifest | str, work: str = "") -> JobStatus:
    """The status of a job, from what its last driver wrote."""
    environment = environment_for(wanted, work)
    context = open_context(environment)
    progress = latest_progress(context)
    if progress is None:
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
    if progress.state == "running" and not is_led(context.work, context.layout):
        return replace(progress, state="interrupted")
    return progress


OUTPUTS_SHOWN = 10
"""Outputs that `status` lists unless all are wanted."""
MOST_READ = 200
"""Receipts that are read to find the first outputs by name. Of more, none is read unless all outputs are wanted."""
READS_AT_A_TIME = 16


def outputs_of(wanted: Manifest | str, work: str = "", *, list_all: bool = False) -> tuple[int, list[str]]:
    """The number of published outputs of a job, and the first OUTPUTS_SHOWN of them by name, or all.

    None is listed if there are more than MOST_READ and not all are wanted.
    """
    context = open_context(environment_for(wanted, work))
    layout = context.layout
    keys = [found.key for found in context.work.list(layout.receipts) if parts_of(layout, "receipt", found.key)]
    if len(keys) > MOST_READ and not list_all:
        return len(keys), []
    with ThreadPoolExecutor(READS_AT_A_TIME) as pool:
        outputs = sorted(filter(None, pool.map(lambda key: _output_of_receipt(key, context), keys)))
    return len(outputs), outputs if list_all else outputs[:OUTPUTS_SHOWN]


def _output_of_receipt(key: str, context: StepContext) -> str:
    """The URI of the output; empty if the receipt is damaged, or deleted meanwhile."""
    with suppress(WorkDamaged):
        published = committed(context.work, key, Published)
        return published.output_uri if published else ""
    return ""


def latest_progress(context: StepContext) -> JobStatus | None:
    """What the last driver wrote; None if there is nothing, or it is damaged. A driver writes it again."""
    layout = context.layout
    listed = context.work.list(layout.progresses)
    numbers = [int(number) for found in listed for number in parts_of(layout, "progress", found.key)]
    try:
        return committed(context.work, layout.progress(max(numbers)), JobStatus) if numbers else None
    except WorkDamaged:
        return None


def environment_for(wanted: Manifest | str, work: str) -> JobEnvironment:
    """The environment of a manifest's job, or of a job given by its name and work place."""
    if isinstance(wanted, str):
        return JobEnvironment(work_uri=Uri.parse(work), job=wanted)
    return environment_of(wanted)


# ---- timeline ------------------------------------------------------------------------------------------------------


def timeline(wanted: Manifest | str, work: str = "", *, last_hours: float | None = None) -> Iterator[str]:
    """Yield the text of a trace of what ran where and when, in all of the job or in its last hours.

    Raises:
        ManifestError: the work place holds no ledger of such a job.
    """
    context = open_context(environment_for(wanted, work))
    return trace(ledger_of(context), last_hours=last_hours)


# ---- gc ------------------------------------------------------------------------------------------------------------


def gc(wanted: Manifest | str, work: str = "", *, delete: bool) -> list[Garbage]:
    """Find what the job no longer needs in its work place, and with `delete` delete it.

    Raises:
        JobTaken: a driver is running the job.
    """
    context = open_context(environment_for(wanted, work))
    if is_led(context.work, context.layout):
        raise JobTaken(
            "a driver is running this job",
            where=context.work.uri(context.layout.root),
            remedy="Wait until it ends. If the driver is dead, run the job: the run takes over after half a minute.",
        )
    found = find_garbage(context)
    if delete:
        delete_garbage(found, context)
    return found
