"""The command line: parse the arguments, run the command, print its errors, return the exit code.

    0 all videos published           1 some videos failed     2 invalid manifest or command
    3 cluster or storage unusable    4 the budget is spent   70 a bug in slomo_batch   130 interrupted

Expected errors are printed to stderr without a traceback. Results are printed to stdout. torch, Ray and the media
libraries are loaded only by the commands that use them.
"""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from slomo_batch.cli.arguments import Run, add_subcommands
from slomo_batch.cli.cluster import add_cluster_commands
from slomo_batch.cli.completion import add_completion_command
from slomo_batch.cli.convert import add_convert_command
from slomo_batch.cli.doctor import add_doctor_command
from slomo_batch.cli.evaluation import add_evaluation_commands
from slomo_batch.cli.files import add_file_commands
from slomo_batch.cli.init import add_init_command
from slomo_batch.cli.jobs import add_job_commands
from slomo_batch.cli.parsers import CommandParser
from slomo_batch.cli.preview import add_preview_command
from slomo_batch.cli.run import add_run_commands
from slomo_batch.cli.status import add_status_commands
from slomo_batch.cli.streams import ReaderGone, standard_streams
from slomo_batch.cli.training import add_training_command
from slomo_batch.errors import ManifestError, SlomoError, StorageError, StoreUnusable
from slomo_batch.sanitize import lines, one_line, redact_credentials
from slomo_batch.storage.local_errors import machine_fault
from slomo_batch.version import __version__

EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    with standard_streams():
        try:
            code = _run_command(arguments)
            sys.stdout.flush()
        except SlomoError as error:
            return _print_error(error)
        except ReaderGone:
            return StoreUnusable.exit_code
        except KeyboardInterrupt:
            _print("slomo-batch: interrupted")
            return EXIT_INTERRUPTED
        except Exception as error:  # noqa: BLE001 the last place that can report a bug
            fault = machine_fault(error)
            if fault is not None:
                return _print_error(fault)
            _print(traceback.format_exc().rstrip())
            _print("slomo-batch: this is a bug in slomo_batch; please report it with the lines above")
            return EXIT_BUG
        return code


def _run_command(arguments: Sequence[str] | None) -> int:
    try:
        options = parser().parse_args(arguments)
        Path.cwd()  # libraries do not start in a folder that was deleted
        command: Run = options.command
        return command(options)
    except SystemExit as leaving:  # argparse has printed the reason
        return leaving.code if isinstance(leaving.code, int) else 2


def _print_error(error: SlomoError) -> int:
    """Print an error and return its exit code. A storage error that is not about one video stops the command."""
    _print(f"slomo-batch: {one_line(str(error))}")
    for problem in error.problems if isinstance(error, ManifestError) else ():
        _print(f"  {one_line(problem)}")
    return StoreUnusable.exit_code if isinstance(error, StorageError) else error.exit_code


def _print(text: str) -> None:
    sys.stderr.write(lines(redact_credentials(text)) + "\n")


def parser() -> CommandParser:
    """Return the parser of all commands."""
    top = CommandParser(
        prog="slomo-batch",
        description="Make slow motion and higher frame rates from whole video archives.",
        epilog="Exit codes: 0 all videos published; 1 some videos failed; 2 invalid manifest or command; "
        "3 cluster, storage or this machine unusable, or another run has the job; 4 the budget is spent; "
        "70 a bug in slomo_batch; 130 interrupted.",
    )
    top.add_argument("--version", action="version", version=f"slomo-batch {__version__}")
    commands = add_subcommands(top)
    add_convert_command(commands)
    add_preview_command(commands)
    add_init_command(commands)
    add_run_commands(commands)
    add_status_commands(commands)
    add_job_commands(commands)
    add_cluster_commands(commands)
    add_evaluation_commands(commands)
    add_training_command(commands)
    add_doctor_command(commands)
    add_file_commands(commands)
    add_completion_command(commands, parser)
    return top
