"""The answers of status and jobs, for a person or as JSON."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from slomo_batch.errors import OutputExists
from slomo_batch.report.events import JobStatus
from slomo_batch.report.units import counted, duration, spent, without_uri
from slomo_batch.sanitize import json_line, one_line


def show_status(
    status: JobStatus, *, outputs: tuple[int, Sequence[str]] = (0, ()), as_json: bool, stream: TextIO = sys.stdout
) -> int:
    """Show the state of a job. `outputs`: the number of its published outputs, and the first of them by name.

    Returns the number of lines.
    """
    lines = [json_line(asdict(status))] if as_json else [*_status_lines(status), *_output_lines(*outputs)]
    return _print(lines, stream)


def _status_lines(status: JobStatus) -> Iterator[str]:
    if not status.updated:
        yield f"{status.job}: the job has not started in this work place"
        return
    yield f"{status.job}: {status.state}, as of {status.updated}{_age(status)}"
    if status.began:
        yield f"  the latest run began {status.began}"
    left = status.videos_total - status.videos_done - status.videos_failed
    yield (
        f"  videos {status.videos_done:,}/{status.videos_total:,}"
        f"{f', {left:,} left' if left else ''}, {status.videos_failed:,} failed"
    )
    of_total = f"/{status.frames_total:,}" if status.frames_total else ""
    yield f"  chunks {status.chunks_done:,}/{status.chunks_total:,}, frames {status.frames_done:,}{of_total}"
    if status.state == "running" and status.began:
        eta = f", {duration(status.eta_s)} left" if status.eta_s is not None else ""
        yield f"  {status.frames_per_s:,.1f} frames/s, {counted(status.workers, 'worker')}{eta}"
    if status.budget_hours is not None:
        yield f"  budget: {spent(status.spent_hours, status.budget_hours, status.price_per_hour)} spent"
    for failure in status.failures:
        yield f"  FAILED {failure.uri}: {failure.error}: {without_uri(failure.reason, failure.uri)}"


def _age(status: JobStatus) -> str:
    """How long ago the status was written, while it changes."""
    if status.state != "running":
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(status.updated)).total_seconds()
    return f" ({duration(max(seconds, 0))} ago)"


def _output_lines(number: int, outputs: Sequence[str]) -> Iterator[str]:
    if number and not outputs:
        yield f"  {counted(number, 'output')} published; --outputs lists them"
        return
    if number:
        yield f"  {counted(number, 'output')} published:"
    yield from (f"    {output}" for output in outputs)
    if number > len(outputs):
        yield f"    and {number - len(outputs):,} more; --outputs lists all"


Files = tuple[str, str]
"""The name of the source and the URI of the output of a conversion; the latter is empty if it is not known."""


def show_jobs(
    jobs: Sequence[JobStatus], *, work: str, files: Mapping[str, Files], as_json: bool, stream: TextIO = sys.stdout
) -> None:
    """Show the jobs of a work place, a line each. `files`: of the conversions, by the name of their job."""
    if as_json:
        _print((json_line(asdict(job)) for job in jobs), stream)
        return
    if not jobs:
        _print([f"no jobs in {work}"], stream)
        return
    names = [files[job.job][0] if job.job in files else job.job for job in jobs]
    width = max(map(len, names))
    lines = (f"  {name:<{width}}  {_job_line(job, files.get(job.job))}" for name, job in zip(names, jobs, strict=True))
    _print([f"{counted(len(jobs), 'job')} in {work}:", *lines], stream)


def _job_line(job: JobStatus, files: Files | None) -> str:
    if not job.updated:
        return "nothing made yet"
    refused = sum(failure.error == OutputExists.__name__ for failure in job.failures)
    counts = {"failed": job.videos_failed - refused, "refused: the output exists": refused}
    failed = "".join(f", {number:,} {what}" for what, number in counts.items() if number)
    frames = f", {counted(job.frames_done, 'frame')}" if job.frames_done else ""  # none if all was published before
    videos = f"videos {job.videos_done:,}/{job.videos_total:,}{failed}{frames}"
    output = f"  -> {files[1]}" if files and files[1] else ""
    return f"{job.state:<11}  {job.updated}  {videos}{output}"


def _print(lines: Iterable[str], stream: TextIO) -> int:
    number = 0
    for line in lines:
        print(one_line(line), file=stream)
        number += 1
    return number
