"""The jobs of a work place, and the one that made an output. Loads no torch."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from slomo_batch.commands.status import status
from slomo_batch.errors import ManifestError, SlomoError
from slomo_batch.manifest.output_names import WORK_FOLDER
from slomo_batch.manifest.single_video import is_conversion
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import Published
from slomo_batch.report.events import JobStatus
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.output_ownership import output_object, read_ownership
from slomo_batch.steps.stored_records import committed
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.storage.state_folder import state_folder
from slomo_batch.storage.work_layout import JOBS, parts_of
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context

MOST_RECORDS = 1000
"""Receipts that are read in one work place to find the job of an output that was modified."""
_ANY_JOB = "any"
"""Opens a work place whose jobs are not known yet."""


def list_jobs(work: str = "") -> list[JobStatus]:
    """Return the status of each job of a work place, by default of the state folder, the latest first."""
    work = work or default_work_place()
    return sorted((status(name, work) for name in job_names(work)), key=lambda one: one.updated, reverse=True)


def files_of_conversions(jobs: Iterable[JobStatus], work: str) -> dict[str, tuple[str, str]]:
    """Return the name of the source and the URI of the output of each conversion, by the name of its job.

    The output is empty if nothing was planned.
    """
    return {job.job: _files_of(job, work) for job in jobs if is_conversion(job.job) and job.videos_total <= 1}


def _files_of(job: JobStatus, work: str) -> tuple[str, str]:
    context = _open(work, job.job)
    with suppress(SlomoError):
        for key in _receipts(context):
            if published := committed(context.work, key, Published):
                return PurePosixPath(published.source.uri).name, published.output_uri
        for request in _planned_requests(context):
            return PurePosixPath(request.source.uri).name, request.output_uri
    for failure in job.failures:
        return PurePosixPath(failure.uri).name, ""
    return job.job, ""


def default_work_place() -> str:
    """Return the work place of `convert`.

    Raises:
        ManifestError: this user has no state folder.
    """
    folder = state_folder()
    if folder is None:
        raise ManifestError("there is no state folder", remedy="Name a work place, or set XDG_STATE_HOME.")
    return str(folder)


def job_names(work: str) -> list[str]:
    """Return the names of the jobs of a work place."""
    return _open(work, _ANY_JOB).work.folders(JOBS)


def check_job(name: str, work: str) -> None:
    """Check that a work place has a job of this name.

    Raises:
        ManifestError: it has none; the error names those that it has.
    """
    names = job_names(work)
    if name in names:
        return
    inside = Path(work) / WORK_FOLDER
    if names:
        remedy = f"Jobs there: {', '.join(names)}."
    elif "://" not in work and inside.is_dir():
        remedy = f"Did you mean --work {inside}?"
    else:
        remedy = "There are no jobs."
    raise ManifestError(f"no job named {name!r} in this work place", where=work, remedy=remedy)


# ---- the job of an output ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputStatus:
    """Which job made an output, and whether the file is still as the job made it."""

    output_uri: str
    state: Literal["published", "modified", "unfinished"]
    """published: the file is as the job made it; modified: it was changed or removed since."""
    job: JobStatus
    work: str
    """URI of the work place."""
    source_uri: str
    published: Published | None = None
    """None: it is not published yet."""


def output_status(output: str) -> OutputStatus:
    """Find the job that made or makes an output, in the state folder and in the default work places above the file.

    Raises:
        ManifestError: no such job is known.
    """
    uri = Uri.parse(output)
    places = list(_work_places(uri))
    for work in places:
        with suppress(SlomoError):
            for name in job_names(work):
                if found := _output_of(name, work, uri):
                    return found
    raise ManifestError(
        "no job that makes this output was found",
        where=uri,
        remedy=f"Looked in {', '.join(places) or 'no work place'}; pass the manifest, or a job and --work.",
    )


def _work_places(uri: Uri) -> Iterator[str]:
    folder = state_folder()
    if folder is not None:
        yield str(folder)
    if uri.is_local:
        yield from (str(place / WORK_FOLDER) for place in Path(uri).parents if (place / WORK_FOLDER).is_dir())


def _output_of(name: str, work: str, uri: Uri) -> OutputStatus | None:
    context = _open(work, name)
    owned = read_ownership(uri, output_object(uri, context), context)
    published = _read(context, [context.layout.receipt(owned.receipt_id)], uri) if owned else None
    state: Literal["published", "modified", "unfinished"] = "published" if published else "modified"
    published = published or _read(context, _receipts(context), uri)
    source_uri = published.source.uri if published else _source_of_unfinished(context, uri)
    if not source_uri:
        return None
    return OutputStatus(
        output_uri=uri,
        state=state if published else "unfinished",
        job=status(name, work),
        work=work,
        source_uri=source_uri,
        published=published,
    )


def _receipts(context: StepContext) -> Iterator[str]:
    listed = context.work.list(context.layout.receipts)
    keys = (found.key for found in listed if parts_of(context.layout, "receipt", found.key))
    yield from (key for _, key in zip(range(MOST_RECORDS), keys, strict=False))


def _read(context: StepContext, receipts: Iterable[str], uri: Uri) -> Published | None:
    for key in receipts:
        published = committed(context.work, key, Published)
        if published and published.output_uri == uri:
            return published
    return None


def _source_of_unfinished(context: StepContext, uri: Uri) -> str:
    """The source of a planned video with this output; empty if there is none."""
    return next((one.source.uri for one in _planned_requests(context) if one.output_uri == uri), "")


def _planned_requests(context: StepContext) -> Iterator[VideoRequest]:
    """The requests of the videos that are planned."""
    for video_id in context.work.folders(context.layout.videos)[:MOST_RECORDS]:
        stored = VideoRecords(video_id, context).stored_plan()
        if stored:
            yield stored.plan.request


def _open(work: str, job: str) -> StepContext:
    return open_context(JobEnvironment(work_uri=Uri.parse(work), job=job))
