"""Arguments that several commands share, and the manifests and jobs that they name."""

import argparse
import sys
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from slomo_batch.errors import ManifestError

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest

Run = Callable[[argparse.Namespace], int]
"""Runs a command with its parsed options and returns the exit code."""
EXIT_WRONG_COMMAND = 2
Commands = Any
"""The result of argparse's `add_subparsers`, whose class is private."""


def add_command(
    commands: Commands, name: str, summary: str, run: Run, *, details: str = "", **more: Any
) -> argparse.ArgumentParser:
    """Add a command and return its parser.

    `summary` is a phrase for the list of commands. The command's own help shows it as a sentence, then `details`.
    `more` goes to the parser.
    """
    description = f"{_sentence(summary)} {details}".rstrip()
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=description, **more)
    parser.set_defaults(command=run)
    return parser


def add_group(commands: Commands, name: str, summary: str) -> Commands:
    """Add a command that only has subcommands, and return where to add them."""
    return add_subcommands(commands.add_parser(name, help=summary, description=_sentence(summary)))


def add_subcommands(parser: argparse.ArgumentParser) -> Commands:
    """Return where to add the subcommands of a parser. Without a subcommand, it prints its help."""

    def print_help(_: argparse.Namespace) -> int:
        parser.print_help(sys.stderr)
        return EXIT_WRONG_COMMAND

    parser.set_defaults(command=print_help)
    return parser.add_subparsers(metavar="COMMAND")


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


# ---- options of several commands -------------------------------------------------------------------------------------


def add_settings(parser: argparse._ActionsContainer) -> None:
    """Add --set."""
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="override a setting by its dotted path, such as encode.codec=ffv1; takes precedence over the manifest, "
        "its inputs and its tables; repeatable",
    )


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Add --strict."""
    parser.add_argument("--strict", action="store_true", help="fail with exit code 2 if an input matches no video")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object per line to standard output")


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add --log."""
    parser.add_argument(
        "--log", metavar="FILE", type=not_empty, help="append all events of the job to FILE, as JSON lines"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what `run` and `submit` have in common."""
    parser.add_argument(
        "manifest", metavar="MANIFEST", type=not_empty, help='the manifest file; "-" reads standard input'
    )
    add_settings(parser)
    parser.add_argument("--retry-failed", action="store_true", help="retry videos that failed in earlier runs")
    parser.add_argument("--force", action="store_true", help="process all videos again, including published ones")
    add_strict(parser)
    parser.add_argument(
        "--take-over", action="store_true", help="run even if another driver appears to be running this job"
    )
    parser.add_argument(
        "--prewarm",
        metavar="N",
        type=integer(0),
        default=0,
        help="ask the cluster to start machines for N workers immediately (default: 0)",
    )
    add_json(parser)


def add_job(parser: argparse.ArgumentParser) -> None:
    """Add what names a job and its work place."""
    parser.add_argument(
        "job", metavar="JOB", type=not_empty, help="a manifest file, or the name of a job together with --work"
    )
    add_work(parser)


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add --work, and --set for the manifest that names a job."""
    add_settings(parser)
    parser.add_argument("--work", metavar="URI", default="", help="the work place (default: the manifest's)")


def not_empty(text: str) -> str:
    """Return an argument that names something.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def file_path(text: str) -> Path:
    """Return the path of a file.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    return Path(not_empty(text))


MAX_NUMBER = 2**31 - 1
MAX_THREADS = 1024


def integer(least: int, most: int = MAX_NUMBER) -> Callable[[str], int]:
    """Return a parser of integers in a range."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected an integer from {least} to {most}, got {_excerpt(text)}")
        return number

    return read


def number(least: float, most: float = MAX_NUMBER, *, above: bool = False) -> Callable[[str], float]:
    """Return a parser of numbers in a range, also as fractions such as 1/2. With `above`, `least` is not in it."""

    def read(text: str) -> float:
        try:
            numerator, _, denominator = text.partition("/")
            found = float(numerator) / float(denominator or 1)
        except (ValueError, ZeroDivisionError):
            found = nan
        if not least <= found <= most or (above and found == least):
            low = f"above {least}, up to" if above else f"from {least} to"
            raise argparse.ArgumentTypeError(f"expected a number {low} {most}, got {_excerpt(text)}")
        return found

    return read


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


# ---- what the options name -------------------------------------------------------------------------------------------


def manifest_of(options: argparse.Namespace) -> "Manifest":
    """Read the manifest, with --set applied."""
    from slomo_batch.manifest.load import load, read_text  # noqa: PLC0415 loads pydantic

    return load(read_text(options.manifest), where=options.manifest, overrides=options.settings)


def job_of(options: argparse.Namespace) -> "Manifest | str":
    """Return the job as its manifest, or as its name where --work says where it is."""
    from slomo_batch.manifest.load import is_file, load, read_text  # noqa: PLC0415 loads pydantic

    if is_file(options.job):
        manifest = load(read_text(options.job), where=options.job, overrides=options.settings)
        return manifest.model_copy(update={"work": options.work or manifest.work})
    if not options.work:
        raise ManifestError(
            "no such manifest file, and a job name requires --work",
            where=options.job,
            remedy="Pass the manifest, or pass the work place with --work.",
        )
    name: str = options.job
    return name


def open_text(path: str, mode: Literal["a", "w"]) -> TextIO:
    """Open a file that an option names.

    Raises:
        ManifestError: it cannot be opened.
    """
    try:
        return Path(path).open(mode, encoding="utf-8")
    except OSError as error:
        raise ManifestError(f"cannot be written: {error.strerror}", where=path) from error
