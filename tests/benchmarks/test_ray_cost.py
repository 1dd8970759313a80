"""What Ray costs per chunk, beside the chunk's own work (make bench). It counts CPU time, not time that passes."""

import json
import shutil
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.process_tree import cpu_seconds_by_role
from tests.benchmarks.test_speed import circumstances
from tests.end_to_end.running import Job, excerpt

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
ROUNDS = 3
TINY = {"width": 160, "height": 96}
NUM_PAIRS = {"few": 20, "many": 120}
MOST = 0.03
"""Of the CPU time of an ordinary small chunk."""


def cpu_s(clip: Path, folder: Path, *, address: str, pairs: int, method: str) -> dict[str, float]:
    """CPU seconds of a whole job, by role."""
    job = Job(folder / "job").write(
        [str(clip)],
        cluster={"address": address},
        chunks={"pairs": pairs},
        interpolate={"method": method},
        output={"uri": f"{folder}/out/{{stem}}.mp4"},
    )
    spent = cpu_seconds_by_role([sys.executable, "-m", "slomo_batch", "run", str(job.manifest)], cwd=folder)
    for made in ("job", "out"):
        shutil.rmtree(folder / made)
    return dict(spent)


def test_ray_takes_less_than_three_hundredths_of_a_small_chunk(tmp_path: Path) -> None:
    """Two jobs of tiny chunks of one pair, with few and with many of them, show what one more chunk costs; the start of
    the processes cancels out. An ordinary small chunk has 12 pairs of 640x360."""
    clips = {
        name: excerpt("bigbuckbunny", tmp_path / f"{name}.mp4", num_frames=number + 1, **TINY)
        for name, number in NUM_PAIRS.items()
    }
    small = excerpt("bigbuckbunny", tmp_path / "small.mp4", num_frames=13, width=640, height=360)
    twice = excerpt("bigbuckbunny", tmp_path / "twice.mp4", num_frames=25, width=640, height=360)
    costs: dict[str, list[float]] = {"inline": [], "local": []}
    chunks: list[float] = []
    for _ in range(ROUNDS):
        for address, found in costs.items():
            few, many = (
                sum(cpu_s(clip, tmp_path, address=address, pairs=1, method="duplicate").values())
                for clip in clips.values()
            )
            found.append((many - few) / (NUM_PAIRS["many"] - NUM_PAIRS["few"]))
        one, two = (
            sum(cpu_s(clip, tmp_path, address="inline", pairs=12, method="superslomo").values())
            for clip in (small, twice)
        )
        chunks.append(two - one)
    ray_s = median(costs["local"]) - median(costs["inline"])
    row = {
        "ms_per_tiny_chunk_inline": round(1000 * median(costs["inline"]), 1),
        "ms_per_tiny_chunk_ray": round(1000 * median(costs["local"]), 1),
        "ms_of_ray_per_chunk": round(1000 * ray_s, 1),
        "cpu_s_of_a_small_chunk": round(median(chunks), 2),
        "share": round(ray_s / median(chunks), 4),
    }
    print(json.dumps(row), json.dumps(circumstances()))  # noqa: T201 the product of a benchmark
    assert ray_s < MOST * median(chunks)
