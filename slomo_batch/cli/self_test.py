"""`plan --self-test`: its option, and how it is run and shown. Importing this module loads nothing heavy."""

import argparse
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from slomo_batch.cli.arguments import integer
from slomo_batch.cli.evaluation import write_file
from slomo_batch.cli.status_line import StatusLine
from slomo_batch.errors import ManifestError
from slomo_batch.loading import fast_loading
from slomo_batch.sanitize import json_line, one_line

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest

MAX_SECONDS = 1000
_OF_PLANS = ("survey", "csv", "frames_per_second", "price_per_hour")
"""Options of `plan` that have no meaning with --self-test."""


def add_self_test_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to the parser of `plan`."""
    parser.add_argument(
        "--self-test",
        metavar="N",
        type=integer(1, MAX_SECONDS),
        help="in place of the plan, test the methods: remove every second frame in N sampled seconds of the videos, "
        "and measure how well each method predicts it",
    )


def run_self_test(options: argparse.Namespace, manifest: "Manifest") -> int:
    """Run a self-test, and show its result."""
    if given := [name for name in _OF_PLANS if getattr(options, name, None)]:
        raise ManifestError("not possible with --self-test", where=f"--{given[0].replace('_', '-')}")
    status = StatusLine(logs=True, is_quiet=options.quiet)
    status.show("loading")
    with fast_loading():
        from slomo_batch.commands.self_test import self_test  # noqa: PLC0415 loads everything
        from slomo_batch.evaluation.compare_page import PageFrames  # noqa: PLC0415
        from slomo_batch.evaluation.self_test_answers import (  # noqa: PLC0415
            self_test_json,
            self_test_lines,
            self_test_page,
        )

    frames = PageFrames() if options.page else None
    test = self_test(
        manifest,
        options.self_test,
        strict=options.strict,
        collectors=[frames] if frames else [],
        on_text=status.show,
        on_advance=_SelfTestProgress(status).show,
    )
    status.clear()
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    for line in [json_line(self_test_json(test))] if options.json else map(one_line, self_test_lines(test, width)):
        sys.stdout.write(f"{line}\n")
    if frames:
        write_file(options.page, self_test_page(test, frames).encode())
        status.write(f"page: {options.page}")
    return 0


class _SelfTestProgress:
    """Says once how long the test takes, and then how far it is."""

    def __init__(self, status: StatusLine) -> None:
        self._status = status
        self._has_said = False

    def show(self, num: int, num_total: int, left_s: float | None) -> None:
        """Show the state after `num` of `num_total` frames; the others take about `left_s` seconds."""
        from slomo_batch.report.units import duration  # noqa: PLC0415 the package loads more than --help needs

        if left_s is not None and not self._has_said:
            self._has_said = True
            self._status.write(
                f"expect     about {duration(left_s)} for {num_total:,} frames, each made by every method"
            )
        left = "" if left_s is None else f", about {duration(left_s)} left"
        self._status.show(f"measuring: {num:,} of {num_total:,} frames{left}")
