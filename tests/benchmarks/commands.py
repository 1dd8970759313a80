"""Run whole commands and measure them: wall time, CPU time, memory."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command took."""

    wall_s: float
    cpu_s: float
    """Of the process and its children that ended."""
    peak_mib: float
    """Largest resident set of one process."""

    def busy(self, cores: int) -> float:
        """Share of the cores that were busy, 0 to 1."""
        return self.cpu_s / self.wall_s / cores


def measure(arguments: Sequence[str], *, cores: Collection[int], cwd: Path) -> Measured:
    """Run a command on these cores, numbered as by the kernel, and wait for its end. Python may keep its bytecode.

    Raises:
        CalledProcessError: it failed; its output is in the error.
    """
    began_s = time.perf_counter()
    with subprocess.Popen(
        arguments,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 this process has one thread that matters
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": ""},
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - began_s
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, said)
    return Measured(wall_s=wall_s, cpu_s=used.ru_utime + used.ru_stime, peak_mib=used.ru_maxrss / 1024)


def slomo_batch(*arguments: str) -> list[str]:
    """The command line of this environment, in a new interpreter."""
    return [sys.executable, "-m", "slomo_batch", *arguments]


MINTERPOLATE = "setpts=4*PTS,minterpolate=fps={rate}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"


def minterpolate(source: Path, output: Path, *, rate: int, preset: str, crf: int) -> list[str]:
    """FFmpeg's motion-compensated interpolation, 4x slower at the same rate, encoded by the same x264."""
    filters = MINTERPOLATE.format(rate=rate)
    encoding = ["-c:v", "libx264", "-preset", preset, "-crf", str(crf)]
    return ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-vf", filters, *encoding, str(output)]
