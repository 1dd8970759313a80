"""CPU time of a command and of all processes that it starts, those of Ray included.

Ray's processes are not waited for, so that no parent has their times: they are read while the processes run.
"""

import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.1


def cpu_seconds_by_role(arguments: Sequence[str], *, cwd: Path) -> Counter[str]:
    """Run a command, wait for it, and return CPU seconds by role: `command`, or the name of a process of Ray.

    What a process does in the last tenth of a second before its end is not counted.

    Raises:
        RuntimeError: the command failed; its output is in the error.
    """
    spent: dict[tuple[int, float], tuple[str, float]] = {}
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(arguments, cwd=cwd, stdout=output, stderr=output) as command,
    ):
        while command.poll() is None:
            for process in (*psutil.Process(command.pid).children(recursive=True), psutil.Process(command.pid)):
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    role = "command" if process.pid == command.pid else _role(process)
                    spent[process.pid, process.create_time()] = role, times.user + times.system
            time.sleep(LOOK_EVERY_S)
        if command.returncode:
            output.seek(0)
            raise RuntimeError(f"exit code {command.returncode}: {output.read()}")
    by_role: Counter[str] = Counter()
    for role, seconds in spent.values():
        by_role[role] += seconds  # type: ignore[assignment] # seconds count as well
    return by_role


def _role(process: psutil.Process) -> str:
    title = process.cmdline()[:1] or [process.name()]
    return title[0].split("/")[-1].split(".")[0].split(" ")[0] if "ray::" in title[0] else process.name()
