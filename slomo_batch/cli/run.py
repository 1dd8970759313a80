"""The commands `run` and `plan`. Importing this module loads nothing heavy."""

import argparse
import sys
from contextlib import ExitStack, closing
from importlib import import_module
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from slomo_batch.cli.arguments import (
    Commands,
    add_command,
    add_json,
    add_log,
    add_run_options,
    add_settings,
    add_strict,
    manifest_of,
    not_empty,
    number,
    open_text,
)
from slomo_batch.cli.displays import add_verbosity, displays, terminal_display
from slomo_batch.cli.evaluation import page_file, write_file
from slomo_batch.cli.jobs import is_elsewhere, submit
from slomo_batch.cli.self_test import add_self_test_option, run_self_test
from slomo_batch.cli.streams import for_answer, for_display
from slomo_batch.errors import ClusterError, ManifestError
from slomo_batch.loading import fast_loading
from slomo_batch.version import __version__

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest
    from slomo_batch.report.events import Display
    from slomo_batch.report.lines import Verbosity
    from slomo_batch.report.plan_row import Plan

EXIT_VIDEOS_FAILED = 1


def add_run_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_run(commands)
    _add_plan(commands)


# ---- run -------------------------------------------------------------------------------------------------------------


def _add_run(commands: Commands) -> None:
    details = "A run with the name and the work place of an earlier one resumes it: published videos are skipped."
    parser = add_command(commands, "run", "run the job of a manifest, or resume it", _run, details=details)
    add_run_options(parser)
    add_verbosity(parser)
    add_log(parser)
    parser.add_argument(
        "--brief",
        action="store_true",
        help="with --json, leave out finished chunks and steps, and most progress, so that the output stays small",
    )
    parser.add_argument(
        "--require-version", metavar="VERSION", default="", help="fail if another version of slomo_batch is installed"
    )


def _run(options: argparse.Namespace) -> int:
    if options.require_version not in {"", __version__}:
        raise ClusterError(
            "another version of slomo_batch is installed here than required",
            expected=options.require_version,
            got=__version__,
            remedy="Install the required version. For a submitted run, install the same version on both machines.",
        )
    manifest = manifest_of(options)
    if is_elsewhere(manifest):
        if options.log:
            raise ManifestError(
                "not supported for runs submitted to a cluster", where="--log", remedy="Use --json >> FILE."
            )
        return submit(manifest, options, follow=True)
    with displays(options, manifest.name) as display:
        load_what_makes_frames(manifest, display)
        with fast_loading():
            from slomo_batch.commands import run  # noqa: PLC0415 loads everything else
        return run.run(
            manifest,
            display=display,
            retry_failed=options.retry_failed,
            force=options.force,
            take_over=options.take_over,
            prewarm=options.prewarm,
            strict=options.strict,
        )


# ---- plan ------------------------------------------------------------------------------------------------------------


def _add_plan(commands: Commands) -> None:
    details = "Reads the headers of the sources. Writes nothing but what --csv, --page and --survey ask for."
    parser = add_command(commands, "plan", "show what a run would do, without doing it", _plan, details=details)
    parser.add_argument(
        "manifest", metavar="MANIFEST", type=not_empty, help='the manifest file; "-" reads standard input'
    )
    parser.add_argument(
        "--survey",
        action="store_true",
        help="survey the videos that need it, in place of an estimate, and store the surveys for the run",
    )
    add_settings(parser)
    add_strict(parser)
    parser.add_argument(
        "--frames-per-second",
        metavar="N",
        type=number(0, above=True),
        help="output frames that one machine makes per second (default: as measured in earlier runs of the job)",
    )
    parser.add_argument(
        "--price-per-hour", metavar="PRICE", type=number(0), help="price of a machine per hour, in any currency"
    )
    parser.add_argument(
        "--csv",
        metavar="FILE",
        type=not_empty,
        help='also write a row per video to FILE; "-" writes only these, to standard output',
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    group.add_argument(
        "-v", "--verbose", action="store_true", help="list skipped videos, and show outputs and notes with each video"
    )
    add_self_test_option(parser)
    parser.add_argument(
        "--page",
        metavar="FILE",
        type=page_file,
        help="also write the plan as a page for a browser, as .html; with --self-test, the frames side by side",
    )
    add_json(parser)


def _plan(options: argparse.Namespace) -> int:
    manifest = manifest_of(options)
    if options.self_test:
        return run_self_test(options, manifest)
    from slomo_batch.report.plan_answers import show_plan, write_csv  # noqa: PLC0415 loads rich

    if options.survey and is_elsewhere(manifest):
        raise ManifestError(
            "not supported for a remote cluster", where="--survey", remedy="Leave it out: the run makes the surveys."
        )
    if options.csv == "-" and options.json:
        raise ManifestError("not possible with --json", where="--csv -", remedy="Write the rows to a file.")
    with ExitStack() as stack:
        file = sys.stdout if options.csv == "-" else None
        if options.csv and not file:  # opened now: a plan can take minutes
            file = stack.enter_context(closing(for_answer(open_text(options.csv, "w"), options.csv)))
        plan = _planned(manifest, options)
        if file:
            write_csv(plan.rows, file)
    price = options.price_per_hour if options.price_per_hour is not None else plan.price_per_hour
    if options.page:
        from slomo_batch.report.pages.plan_page import plan_page  # noqa: PLC0415 loads jinja2

        write_file(options.page, plan_page(plan, job=manifest.name, price_per_hour=price).encode())
    if options.csv != "-":
        show_plan(
            plan,
            as_json=options.json,
            verbose=options.verbose,
            price_per_hour=price,
            width=get_terminal_size().columns if sys.stdout.isatty() else None,
            stream=sys.stdout,
        )
    return EXIT_VIDEOS_FAILED if any(row.problem for row in plan.rows) else 0


def _planned(manifest: "Manifest", options: argparse.Namespace) -> "Plan":
    """Make the plan, and show on standard error how far it is: standard output has only the answer."""
    from slomo_batch.report.events import Activity  # noqa: PLC0415 as below

    verbosity: Verbosity = "quiet" if options.quiet else "normal"
    with terminal_display(manifest.name, for_display(sys.stderr, "standard error"), verbosity) as display:
        if sys.stderr.isatty():
            display.show(Activity(text="loading"))
        with fast_loading():
            from slomo_batch.commands import plan  # noqa: PLC0415 loads everything
        return plan.plan(
            manifest,
            strict=options.strict,
            surveys=options.survey,
            frames_per_s=options.frames_per_second,
            show=display.show,
        )


def load_what_makes_frames(manifest: "Manifest", display: "Display") -> None:
    """Load torch if this process makes the frames; otherwise workers do, at the time that suits them.

    Loading takes seconds, and more than that with a cold disk: the display says so.
    """
    from slomo_batch.report.events import Activity  # noqa: PLC0415 loads more than --help needs

    is_inline = manifest.job.cluster.address == "inline"
    display.show(Activity(text="loading PyTorch" if is_inline else "loading"))
    if is_inline:
        with fast_loading():
            import_module("slomo_batch.steps.interpolate")
