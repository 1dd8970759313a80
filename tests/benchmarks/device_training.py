"""Train, validate, export and measure weights within ten minutes: `python -m tests.benchmarks.device_training CONFIG`.

For an hour on a borrowed GPU, or ten minutes. Each step is the command that a user gives, shown before it runs; run it
again with the same folder to go on training. Samples that the config stores are made once, before the time of training
is over: a machine with many cores makes some thousands in two minutes.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.interpolators.footage import real_clip

CLIPS = ("bikes", "bigbuckbunny", "carphone_pristine")
MEASURING_MINUTES = 2.5
"""Left of the time for what follows the training; on one CPU thread it takes about as long."""
NEVER = "1000000000"
"""More steps than any run has: weights are validated at the beginning and at the end."""


def commands(config: Path, out: Path, minutes: float, beside: Sequence[str]) -> Iterator[list[str]]:
    """Yield the commands: train, export, and measure beside other weights."""
    program = [sys.executable, "-m", "slomo_batch"]
    limits = ["--stop-after", f"{max(0.1, minutes - MEASURING_MINUTES):g}", "--validate-every", NEVER]
    # Samples are made by the cores that the trainer leaves.
    workers = ["--address", "inline", "--data-workers", str(max(1, (os.cpu_count() or 1) - 1))]
    yield [*program, "train", str(config), "--out", str(out), *workers, *limits]
    name = "trained"
    yield [sys.executable, "-m", "slomo_batch.training.exporting", str(config), str(out), name]
    weights = str(out / f"{name}.safetensors")
    chosen = ["--method", "superslomo", "--weights", weights, *beside]
    clips = [str(real_clip(clip)) for clip in CLIPS]
    yield [*program, "evaluate", *clips, "--factor", "2", "4", "--max-width", "640", "--cuts", "exclude", *chosen]


def main() -> int:
    """Run the commands; return the exit code of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the training config")
    parser.add_argument("--out", type=Path, default=Path("training-runs/device"), help="the folder of the run")
    parser.add_argument("--minutes", type=float, default=10.0, help="time for everything")
    parser.add_argument("--beside", nargs="*", default=["compact-3"], help="weights to measure too")
    options = parser.parse_args()
    began_s = time.monotonic()
    for command in commands(options.config, options.out, options.minutes, options.beside):
        _print(f"{time.monotonic() - began_s:5.0f} s  {shlex.join(command[1:])}")
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
    _print(f"{time.monotonic() - began_s:5.0f} s  done")
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
