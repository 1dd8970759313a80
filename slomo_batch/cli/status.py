"""The commands that read a job's work place: `status`, `report`, `timeline`, `gc`. They load neither torch nor Ray."""

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from slomo_batch.cli.arguments import (
    Commands,
    add_command,
    add_job,
    add_json,
    add_work,
    job_of,
    not_empty,
    number,
    open_text,
)
from slomo_batch.cli.streams import for_answer
from slomo_batch.sanitize import json_line, one_line

if TYPE_CHECKING:
    from slomo_batch.records.commits import FrameCounts

EXIT_VIDEOS_FAILED = 1
WATCH_S = 2.0
OUTPUT_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm"}
"""Of arguments that name an output. `plan.containers` is not loaded for them."""
_STATES = {
    "published": "published, and unchanged since",
    "modified": "published, but modified or removed since",
    "unfinished": "not finished; run the same command again to continue",
}


def add_status_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_status(commands)
    _add_jobs(commands)
    _add_report(commands)
    _add_timeline(commands)
    _add_gc(commands)


def _add_status(commands: Commands) -> None:
    summary = "show the progress of a job, or which job made an output"
    parser = add_command(commands, "status", summary, _status)
    parser.add_argument(
        "job",
        metavar="JOB",
        type=not_empty,
        help="a manifest file, an output such as out.mp4, or the name of a job together with --work",
    )
    add_work(parser)
    parser.add_argument(
        "--watch", action="store_true", help=f"show the progress every {WATCH_S:.0f} seconds until the run ends"
    )
    parser.add_argument(
        "--outputs", action="store_true", help="list all published outputs, by name; no effect with --json"
    )
    add_json(parser)


def _add_jobs(commands: Commands) -> None:
    summary = "list the jobs of a work place, the latest first"
    parser = add_command(commands, "jobs", summary, _jobs)
    parser.add_argument(
        "place",
        metavar="PLACE",
        nargs="?",
        type=not_empty,
        help="a work place, or a manifest (default: the state folder, where convert works)",
    )
    add_json(parser)


def _add_report(commands: Commands) -> None:
    summary = "write a page for a browser that shows what a job did, what failed and what would make it better"
    parser = add_command(commands, "report", summary, _report)
    add_job(parser)
    parser.add_argument("--out", metavar="FILE", type=not_empty, required=True, help="write the page to FILE, as HTML")


def _add_timeline(commands: Commands) -> None:
    summary = "export what ran where and when, for Perfetto (https://ui.perfetto.dev)"
    parser = add_command(commands, "timeline", summary, _timeline)
    add_job(parser)
    parser.add_argument("--out", metavar="FILE", type=not_empty, required=True, help="write the trace to FILE, as JSON")
    parser.add_argument(
        "--last-hours", metavar="H", type=number(0, above=True), help="include only the last H hours that are recorded"
    )


def _add_gc(commands: Commands) -> None:
    summary = "list the objects in the work place that a job no longer needs, or delete them"
    parser = add_command(commands, "gc", summary, _gc)
    add_job(parser)
    parser.add_argument("--delete", action="store_true", help="delete the listed objects")
    add_json(parser)


def _status(options: argparse.Namespace) -> int:
    if _names_output(options):
        return _status_of_output(options)
    job = job_of(options)
    from slomo_batch.commands import jobs, status  # noqa: PLC0415 loads what reads S3 and Parquet
    from slomo_batch.report.status_answers import show_status  # noqa: PLC0415 as above

    if isinstance(job, str):
        jobs.check_job(job, options.work)
    height = 0
    while True:
        found = status.status(job, options.work)
        if height and sys.stdout.isatty():
            sys.stdout.write(f"\x1b[{height}F\x1b[J")  # up to the first line, and clear from there
        is_last = not options.watch or found.state in {"finished", "interrupted"}
        shows_outputs = is_last and not options.json
        outputs = status.outputs_of(job, options.work, list_all=options.outputs) if shows_outputs else (0, [])
        height = show_status(found, outputs=outputs, as_json=options.json, stream=sys.stdout)
        if is_last:
            return EXIT_VIDEOS_FAILED if found.videos_failed else 0
        sys.stdout.flush()
        time.sleep(WATCH_S)


def _names_output(options: argparse.Namespace) -> bool:
    return not options.work and Path(options.job).suffix.lower() in OUTPUT_SUFFIXES


def _status_of_output(options: argparse.Namespace) -> int:
    from slomo_batch.commands.jobs import output_status  # noqa: PLC0415 loads what reads S3 and Parquet

    found = output_status(options.job)
    made = found.published
    if options.json:
        fields = {"output": found.output_uri, "state": found.state, "job": found.job.job, "work": found.work}
        answer = {**fields, "source": found.source_uri, "num_frames": made.num_frames if made else None}
        sys.stdout.write(f"{json_line(answer)}\n")
        return 0
    job = found.job
    lines = [f"{found.output_uri}: {_STATES[found.state]}", f"  made from {found.source_uri}"]
    if made:
        lines += [f"  {made.num_frames:,} frames: {_counts(made.counts)}", *(f"  {note}" for note in made.notes)]
    else:
        lines += [f"  {job.chunks_done:,} of {job.chunks_total:,} chunks made; {job.state}, as of {job.updated}"]
    lines += [f"  job {job.job}, work place {found.work}"]
    sys.stdout.writelines(f"{one_line(line)}\n" for line in lines)
    return 0


def _counts(counts: "FrameCounts") -> str:
    held = counts.held_at_cut + counts.held_repeat + counts.held_damaged + counts.held_in_doubt
    return f"{counts.source:,} of the source, {counts.made:,} made, {held:,} held"


def _jobs(options: argparse.Namespace) -> int:
    place = _work_of_place(options.place) if options.place else ""
    from slomo_batch.commands.jobs import default_work_place, files_of_conversions, list_jobs  # noqa: PLC0415 reads S3
    from slomo_batch.report.status_answers import show_jobs  # noqa: PLC0415 as above

    place = place or default_work_place()
    jobs = list_jobs(place)
    files = {} if options.json else files_of_conversions(jobs, place)
    show_jobs(jobs, work=place, files=files, as_json=options.json, stream=sys.stdout)
    return 0


def _work_of_place(place: str) -> str:
    """The work place that an argument names, as itself or by a manifest."""
    from slomo_batch.manifest.load import is_file, load, read_text  # noqa: PLC0415 loads pydantic

    return load(read_text(place), where=place).work if is_file(place) else place


def _report(options: argparse.Namespace) -> int:
    job = job_of(options)
    from slomo_batch.commands import report  # noqa: PLC0415 loads what reads S3 and Parquet

    page = report.report(job, options.work)
    with closing(for_answer(open_text(options.out, "w"), options.out)) as file:
        file.write(page)
    sys.stderr.write(f"wrote {one_line(options.out)}; open it in a browser\n")
    return 0


def _timeline(options: argparse.Namespace) -> int:
    job = job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet

    pieces = status.timeline(job, options.work, last_hours=options.last_hours)
    with closing(for_answer(open_text(options.out, "w"), options.out)) as file:
        file.writelines(pieces)
    sys.stderr.write(f"wrote {one_line(options.out)}; open it in https://ui.perfetto.dev\n")
    return 0


def _gc(options: argparse.Namespace) -> int:
    job = job_of(options)
    from slomo_batch.commands import jobs, status  # noqa: PLC0415 loads what reads S3 and Parquet
    from slomo_batch.report.garbage_answers import show_garbage  # noqa: PLC0415 as above

    if isinstance(job, str):
        jobs.check_job(job, options.work)
    found = status.gc(job, options.work, delete=options.delete)
    kinds = [(garbage.kind, len(garbage.keys), garbage.size_bytes) for garbage in found]
    show_garbage(kinds, deleted=options.delete, as_json=options.json, stream=sys.stdout)
    return 0
