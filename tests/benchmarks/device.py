"""What a device does, in under eight minutes: `python -m tests.benchmarks.device` prints one table.

Each part runs in a process of its own and for a limited time. A part that fails or takes longer is a row of the table,
and the others run. On a machine without CUDA everything runs on the CPU at a smaller size, so that the script itself is
tested. Nothing is written but the table.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.device_codecs import decoding, opens
from tests.benchmarks.device_networks import colors, copies, graphs, networks
from tests.benchmarks.device_pipeline import job, pipeline
from tests.benchmarks.device_rows import DEVICE, FULL, SMALL, Row, Scale

LIMIT_S = 470
"""Of all parts together."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the table."""

    rows: Callable[[Scale], Iterator[Row]]
    limit_s: float


PARTS: Mapping[str, Part] = {
    "opens": Part(opens, 40),
    "copies": Part(copies, 40),
    "colors": Part(colors, 60),
    "networks": Part(networks, 90),
    "graphs": Part(graphs, 60),
    "pipeline": Part(pipeline, 120),
    "decoding": Part(decoding, 60),
    "job": Part(job, 60),
}
"""By name, the most important first: later ones are cut short if there is no time left."""


def rows_of(name: str, command: Sequence[str], limit_s: float) -> Iterator[str]:
    """Yield the rows that a part prints, and one more if it fails or takes too long."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        is_late = False
        try:
            rows, errors = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            is_late = True
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it started
            rows, errors = process.communicate()
    yield from rows.splitlines()
    if is_late:
        yield str(Row(what=f"part {name}", value=f"STOPPED after {limit_s:.0f} s"))
    elif process.returncode:
        last = errors.strip().rpartition("\n")[2]
        yield str(Row(what=f"part {name}", value=f"FAILED with exit code {process.returncode}: {last}"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small pictures and few rounds, as on a CPU")
    parser.add_argument("--part", choices=PARTS, help="run only this part")
    options = parser.parse_args()
    if options.part:
        scale = SMALL if options.quick or DEVICE.type == "cpu" else FULL
        for row in PARTS[options.part].rows(scale):
            _print(str(row))
        return
    began = time.perf_counter()
    for name, part in PARTS.items():
        left_s = LIMIT_S - (time.perf_counter() - began)
        command = [sys.executable, "-m", "tests.benchmarks.device", "--part", name]
        for line in rows_of(name, command + ["--quick"] * options.quick, max(1, min(part.limit_s, left_s))):
            _print(line)
    _print(str(Row(what="seconds in all", value=f"{time.perf_counter() - began:.0f}")))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
