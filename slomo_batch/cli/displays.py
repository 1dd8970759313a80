"""How the commands show a running job: on the terminal or as JSON lines, and in a log file if requested."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from slomo_batch.cli.arguments import open_text
from slomo_batch.cli.streams import for_display

if TYPE_CHECKING:
    from slomo_batch.report.events import Display
    from slomo_batch.report.lines import Verbosity

SECONDS_BETWEEN_LOGGED = 60.0
"""Interval of the progress lines in the log file."""


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add --quiet and --verbose."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", action="store_true", help="show only failures; no effect with --json")
    group.add_argument(
        "-v", "--verbose", action="store_true", help="also show skipped videos, chunks and earlier failures"
    )


def verbosity_of(options: argparse.Namespace) -> "Verbosity":
    """How much --quiet and --verbose ask for."""
    if getattr(options, "quiet", False):
        return "quiet"
    return "verbose" if getattr(options, "verbose", False) else "normal"


@contextmanager
def displays(options: argparse.Namespace, job: str) -> "Iterator[Display]":
    """Show a job as --json, --quiet, --verbose and --log request. A display that fails does not stop the job."""
    from slomo_batch.report.json_log import Displays, JsonDisplay  # noqa: PLC0415 as below
    from slomo_batch.report.terminal import display_for  # noqa: PLC0415 loads rich

    with ExitStack() as stack:
        # Redirected for all output, because Ray prints what its workers print.
        stdout = stack.enter_context(redirect_stdout(for_display(sys.stdout, "standard output")))
        brief = getattr(options, "brief", False)
        shown = [display_for(stdout, as_json=options.json, job=job, verbosity=verbosity_of(options), brief=brief)]
        if options.log:
            log = for_display(open_text(options.log, "a"), f"the log {options.log}")
            stack.callback(log.close)
            shown.append(JsonDisplay(log, job=job, seconds_between_snapshots=SECONDS_BETWEEN_LOGGED))
        yield stack.enter_context(Displays(*shown))


def terminal_display(job: str, stream: TextIO, verbosity: "Verbosity") -> "Display":
    """Return the display of a job for a person."""
    from slomo_batch.report.terminal import display_for  # noqa: PLC0415 loads rich

    return display_for(stream, as_json=False, job=job, verbosity=verbosity)
