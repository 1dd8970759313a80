"""Run the command line as a process: `slomo-batch`, or `python -m slomo_batch`."""

import atexit
import os
import sys
from typing import NoReturn

from slomo_batch.loading import fast_loading

with fast_loading():
    from slomo_batch.cli.main import main

UNFLUSHED = 120
"""Exit code if the last output cannot be written, as Python has it."""


def run() -> NoReturn:
    """Run the command of this process's arguments, and end the process.

    Python is not taken down piece by piece: with torch loaded that takes half a second, and nothing is left to do.
    """
    code = main()
    atexit._run_exitfuncs()  # noqa: SLF001 as Python does before it takes itself down
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or UNFLUSHED
    os._exit(code)


if __name__ == "__main__":
    run()
