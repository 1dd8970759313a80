"""Run whole commands and measure them: wall time, CPU time over time, memory."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLE_EVERY_S = 0.02
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
Sample = tuple[float, float]
"""Seconds since 1970, and CPU seconds that the process and its children that ended had used by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command took."""

    began_s: float
    """Since 1970."""
    wall_s: float
    cpu_s: float
    """Of the process and its children that ended."""
    peak_mib: float
    """Largest resident set of one process."""
    samples: tuple[Sample, ...]

    def busy(self, cores: int) -> float:
        """Share of the cores that were busy, 0 to 1."""
        return self.cpu_s / self.wall_s / cores

    def cpu_between(self, start_s: float, end_s: float) -> float:
        """CPU seconds used between two times, in seconds since 1970; exact to a few samples."""
        times, used = zip(*self.samples, strict=True)
        at_start, at_end = np.interp((start_s, end_s), times, used)
        return float(at_end - at_start)


def measure(arguments: Sequence[str], *, cores: Collection[int], cwd: Path) -> Measured:
    """Run a command on these cores, numbered as by the kernel, and wait for its end. Python may keep its bytecode.

    Raises:
        CalledProcessError: it failed; its output is in the error.
    """
    clock_s, began_s = time.time(), time.perf_counter()
    with subprocess.Popen(
        arguments,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 no other thread of this process holds a lock
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": ""},
    ) as process:
        assert process.stdout is not None
        samples: list[Sample] = [(clock_s, 0.0)]
        sampler = threading.Thread(target=_sample, args=(process.pid, samples), daemon=True)
        sampler.start()
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - began_s
    sampler.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, said)
    cpu_s = used.ru_utime + used.ru_stime
    return Measured(
        began_s=clock_s,
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_mib=used.ru_maxrss / 1024,
        samples=(*samples, (clock_s + wall_s, cpu_s)),
    )


def _sample(pid: int, samples: list[Sample]) -> None:
    """Append samples until the process ends."""
    while (used_s := _cpu_s(pid)) is not None:
        samples.append((time.time(), used_s))
        time.sleep(SAMPLE_EVERY_S)


def _cpu_s(pid: int) -> float | None:
    """CPU seconds of a process; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] == "Z" else sum(map(int, fields[11:15])) / TICKS_PER_S


def slomo_batch(*arguments: str) -> list[str]:
    """The command line of this environment, in a new interpreter."""
    return [sys.executable, "-m", "slomo_batch", *arguments]


MINTERPOLATE = "setpts=4*PTS,minterpolate=fps={rate}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"


def minterpolate(source: Path, output: Path, *, rate: int, preset: str, crf: int) -> list[str]:
    """FFmpeg's motion-compensated interpolation, 4x slower at the same rate, encoded by the same x264."""
    filters = MINTERPOLATE.format(rate=rate)
    encoding = ["-c:v", "libx264", "-preset", preset, "-crf", str(crf)]
    return ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-vf", filters, *encoding, str(output)]
