"""Commands in processes of their own that start at once: each is forked from a process that has everything loaded.

A new interpreter takes seconds to load torch, PyAV, boto3 and the rest; a fork of one that has loaded them takes none.
A forked command has a process group, standard streams, environment, signals and an exit code of its own, like any
other process. Variables that libraries read only as they load (OMP_NUM_THREADS, MALLOC_ARENA_MAX) do nothing here.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

from tests import shifted_clock

_PRELOADED = [
    "slomo_batch.commands.status",
    "slomo_batch.cli.main",
    "slomo_batch.report.plan_answers",
    "slomo_batch.report.terminal",
    "slomo_batch.report.json_log",
    "slomo_batch.interpolators.device",
    "slomo_batch.interpolators.superslomo.opening",
    "slomo_batch.commands.run",
    "slomo_batch.commands.plan",
    "slomo_batch.storage.s3",
    "slomo_batch.manifest.load",
    "slomo_batch.steps.interpolate",
    "pandas",  # pyarrow loads it if it is installed
    "tests.processes",
    "tests.sandbox.shared_server",
]


@cache
def warm() -> ForkServerContext:
    """The multiprocessing context whose processes are forked with slomo_batch loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class Command:
    """`slomo-batch` with these arguments, running; the leader of a process group. Used like subprocess.Popen[str]."""

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        one_stream: bool = False,
    ) -> None:
        """Start it, with `env` on top of this process's environment.

        Its stdout is appended to `log` where that is given. With `one_stream` stderr goes to the same file as stdout.
        """
        self.args = ["slomo-batch", *arguments]
        self._folder = tempfile.TemporaryDirectory(prefix="command-")
        stdout = log or Path(self._folder.name, "stdout")
        stderr = stdout if one_stream else Path(self._folder.name, "stderr")
        surroundings = _Surroundings({**os.environ, **(env or {})}, Path.cwd(), stdout, stderr)
        self._process = warm().Process(target=_run, args=(arguments, surroundings))
        self._process.daemon = True  # where a test fails before it ends the command, the command ends with the tests
        self._process.start()
        self._surroundings = surroundings
        self._said: tuple[str, str] | None = None

    @property
    def pid(self) -> int:
        """The process's."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See returncode."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to this process, and to none that it started."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, as the kernel or a power cut would."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and stderr, once it has ended.

        Raises:
            TimeoutExpired: it still runs after `timeout` seconds.
        """
        self._process.join(timeout)
        if self.poll() is None:
            raise TimeoutExpired(self.args, timeout or 0)
        if self._said is None:
            files = (self._surroundings.stdout, self._surroundings.stderr)
            stdout, stderr = (file.read_text() if file.is_file() else "" for file in files)
            self._said = stdout, "" if files[0] == files[1] else stderr
            self._folder.cleanup()
        return self._said


def run_command(
    *arguments: str, env: Mapping[str, str] | None = None, timeout: float | None = None
) -> CompletedProcess[str]:
    """`slomo-batch` with these arguments, to its end.

    Raises:
        TimeoutExpired: it was killed after `timeout` seconds.
    """
    command = Command(*arguments, env=env)
    try:
        stdout, stderr = command.communicate(timeout)
    except TimeoutExpired:
        command.kill()
        command.communicate()
        raise
    assert command.returncode is not None
    return CompletedProcess(command.args, command.returncode, stdout, stderr)


# ---- in the forked process -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Surroundings:
    """What a command finds around it as it starts."""

    environment: Mapping[str, str]
    folder: Path
    stdout: Path
    stderr: Path


def _run(arguments: Sequence[str], surroundings: _Surroundings) -> None:
    os.setsid()
    os.chdir(surroundings.folder)
    os.environ.clear()
    os.environ.update(surroundings.environment)
    for number, path in ((1, surroundings.stdout), (2, surroundings.stderr)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    if shifted_clock.FILE in os.environ:
        shifted_clock.install(Path(os.environ[shifted_clock.FILE]))
    from slomo_batch.cli.main import main  # noqa: PLC0415 loads what the tests' own process may do without

    sys.exit(main(arguments))
