"""The phases of a command that makes one video, from its ledger and from its CPU time over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from slomo_batch.report.ledger import read_ledger
from tests.benchmarks.commands import Measured

PHASES = ("start-up", "open and split", "chunks", "stitch", "end")
"""In order: until the first step begins; until the first chunk does; until the last chunk is stored; until the output
is published; until the process has ended."""
WORK = "all steps"
"""From the first step to the last."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What a phase took."""

    wall_s: float
    cpu_s: float


def phases_of(measured: Measured, work: Path) -> Mapping[str, Phase]:
    """By name: PHASES, and WORK, of the only job in a work place."""
    steps = _steps(work)
    ended_s = measured.began_s + measured.wall_s
    first_step, first_chunk = steps["open"][0], steps["interpolate"][0]
    last_chunk, last_step = steps["interpolate"][1], steps["stitch"][1]
    borders = (measured.began_s, first_step, first_chunk, last_chunk, last_step, ended_s)
    spans = dict(zip(PHASES, pairwise(borders), strict=True)) | {WORK: (first_step, last_step)}
    return {
        name: Phase(wall_s=end_s - start_s, cpu_s=measured.cpu_between(start_s, end_s))
        for name, (start_s, end_s) in spans.items()
    }


def _steps(work: Path) -> dict[str, tuple[float, float]]:
    """When the first call of each step began and the last one ended, in seconds since 1970."""
    rows = read_ledger(path.read_bytes() for path in sorted(work.glob("jobs/*/ledger/*"))).to_pylist()
    spans: dict[str, tuple[float, float]] = {}
    for row in rows:
        if row["began_utc"] is not None:
            began_s = row["began_utc"].timestamp()
            start_s, end_s = spans.get(row["step"], (began_s, began_s))
            spans[row["step"]] = min(start_s, began_s), max(end_s, began_s + row["took_s"])
    return spans
