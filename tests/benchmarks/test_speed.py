"""Throughput of a whole job, and the share of each stage; prints the figures of docs/benchmarks/ (make bench)."""

import json
import os
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
from slomo_batch.records.commits import ChunkDone, StageSeconds
from slomo_batch.serialization import from_json
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
@pytest.mark.parametrize("address", ["inline", "local"])
def test_end_to_end_at_640x360_4x(address: str, weights: str, source: Path, tmp_path: Path) -> None:
    job = Job(tmp_path).write(
        [str(source)],
        retime={"slowdown": 4},
        interpolate={"weights": weights},
        chunks={"pairs": 12},
        cluster={"address": address},
    )
    began = time.perf_counter()
    run = job.run("--json")
    wall_s = time.perf_counter() - began
    assert run.returncode == 0, run.stdout + run.stderr
    shares = stage_shares(job)
    published = job.receipts()["bigbuckbunny"]
    row = {
        "engine": address,
        "cores": len(os.sched_getaffinity(0)),
        "weights": weights,
        "frames": published.num_frames,
        "wall_s": round(wall_s, 1),
        "output_frames_per_s": round(published.num_frames / wall_s, 2),
        "share_of_worker_time": shares,
    }
    print()  # noqa: T201 the product of a benchmark
    print(json.dumps(row))  # noqa: T201 as above
    print(json.dumps(circumstances()))  # noqa: T201 as above
    assert shares["model"] >= SMALLEST_MODEL_SHARE.get(weights, 0)


def stage_seconds(work: Path) -> dict[str, float]:
    """The seconds that all threads spent in each stage, over the chunks of all jobs in a work place."""
    spent = [from_json(ChunkDone, path.read_bytes()).seconds for path in work.glob("jobs/*/videos/*/commits/*.json")]
    stages = [field.name for field in fields(StageSeconds)]
    return {stage: round(sum(getattr(seconds, stage) for seconds in spent), 3) for stage in stages}


def stage_shares(job: Job) -> dict[str, float]:
    """Each stage's share of the seconds that the workers' threads spent."""
    seconds = stage_seconds(job.folder / "work")
    del seconds["total"]
    return {stage: round(spent / sum(seconds.values()), 4) for stage, spent in seconds.items()}


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
