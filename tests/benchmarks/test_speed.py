"""Throughput of a whole job, and the share of each stage; prints the figures of docs/benchmarks/ (make bench)."""

import json
import platform
import time
from dataclasses import fields
from pathlib import Path

import av
import pytest
import ray
import torch

from slomo_batch.interpolators.device import device_name, supported_precision
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_names
from slomo_batch.records import StageSeconds
from tests.end_to_end.running import Job, excerpt

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
NUM_FRAMES = 49
SMALLEST_MODEL_SHARE = {"compact-1": 0.8, "compact-2": 0.8}
"""Share of the workers' time; a faster model leaves a larger share to other stages, so newer ones are only printed."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "bigbuckbunny.mp4"
    return excerpt("bigbuckbunny", path, num_frames=NUM_FRAMES, width=640, height=360)


@pytest.mark.parametrize("weights", shipped_names())
@pytest.mark.parametrize(("address", "workers"), [("inline", 1), ("inline", 2), ("local", 1), ("local", 2)], ids=str)
def test_end_to_end_at_640x360_4x(address: str, workers: int, weights: str, source: Path, tmp_path: Path) -> None:
    job = Job(tmp_path).write(
        [str(source)],
        retime={"slowdown": 4},
        interpolate={"weights": weights},
        chunks={"pairs": 12},
        cluster={"address": address, "workers": {"max": workers}},
    )
    began = time.perf_counter()
    run = job.run("--json")
    wall_s = time.perf_counter() - began
    assert run.returncode == 0, run.stdout + run.stderr
    shares, worker_s = stage_shares(job)
    published = job.receipts()["bigbuckbunny"]
    row = {
        "engine": f"{address}, {workers} worker(s)",
        "weights": weights,
        "frames": published.num_frames,
        "wall_s": round(wall_s, 1),
        "output_frames_per_s": round(published.num_frames / wall_s, 2),
        "made_frames_per_worker_s": round(published.counts.made / worker_s, 2),
        "outside_workers": round(1 - worker_s / workers / wall_s, 3),
        "share_of_worker_time": shares,
    }
    print()  # noqa: T201 the product of a benchmark
    print(json.dumps(row))  # noqa: T201 as above
    print(json.dumps(circumstances()))  # noqa: T201 as above
    assert shares["model"] >= SMALLEST_MODEL_SHARE.get(weights, 0)


def stage_shares(job: Job) -> tuple[dict[str, float], float]:
    """Each stage's share of the workers' time, and that time in seconds."""
    spent = [done.seconds for done in job.commits()]
    total = sum(seconds.total for seconds in spent)
    stages = [field.name for field in fields(StageSeconds) if field.name != "total"]
    return {stage: round(sum(getattr(seconds, stage) for seconds in spent) / total, 4) for stage in stages}, total


def circumstances() -> dict[str, str]:
    """What the figures were measured on and with."""
    return {
        "device": device_name(),
        "precision": supported_precision(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "av": av.__version__,
        "ray": ray.__version__,
    }
