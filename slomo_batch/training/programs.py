"""Run a module of this package as a program, whose expected errors are printed in one line."""

import argparse
import sys
from collections.abc import Callable, Sequence

from slomo_batch.errors import ManifestError, SlomoError
from slomo_batch.sanitize import one_line, redact_credentials


def run_program(program: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a program and return its exit code."""
    try:
        program(options)
    except SlomoError as error:
        _print(str(error), *(error.problems if isinstance(error, ManifestError) else ()))
        return error.exit_code
    except OSError as error:
        _print(f"{error.filename}: {error.strerror}")
        return ManifestError.exit_code
    return 0


def _print(message: str, *problems: str) -> None:
    lines: Sequence[str] = (message, *(f"  {problem}" for problem in problems))
    sys.stderr.write("".join(f"{one_line(redact_credentials(line))}\n" for line in lines))
