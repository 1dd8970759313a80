"""The commands that read a job's work place: `status`, `report`, `timeline`, `gc`. They load neither torch nor Ray."""

import argparse
import sys
from contextlib import closing

from slomo_batch.cli.arguments import Commands, add_command, add_job, add_json, job_of, not_empty, number, open_text
from slomo_batch.cli.streams import for_answer

EXIT_VIDEOS_FAILED = 1


def add_status_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(commands, "status", "show the progress of a job", _status)
    add_job(parser)
    add_json(parser)
    _add_report(commands)
    _add_timeline(commands)
    _add_gc(commands)


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
    job = job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet
    from slomo_batch.report.answers import show_status  # noqa: PLC0415 loads rich

    found = status.status(job, options.work)
    show_status(found, as_json=options.json, stream=sys.stdout)
    return EXIT_VIDEOS_FAILED if found.videos_failed else 0


def _report(options: argparse.Namespace) -> int:
    job = job_of(options)
    from slomo_batch.commands import report  # noqa: PLC0415 loads what reads S3 and Parquet

    page = report.report(job, options.work)
    with closing(for_answer(open_text(options.out, "w"), options.out)) as file:
        file.write(page)
    return 0


def _timeline(options: argparse.Namespace) -> int:
    job = job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet

    pieces = status.timeline(job, options.work, last_hours=options.last_hours)
    with closing(for_answer(open_text(options.out, "w"), options.out)) as file:
        file.writelines(pieces)
    return 0


def _gc(options: argparse.Namespace) -> int:
    job = job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet
    from slomo_batch.report.answers import show_garbage  # noqa: PLC0415 loads rich

    found = status.gc(job, options.work, delete=options.delete)
    kinds = [(garbage.kind, len(garbage.keys), garbage.size_bytes) for garbage in found]
    show_garbage(kinds, deleted=options.delete, as_json=options.json, stream=sys.stdout)
    return 0
