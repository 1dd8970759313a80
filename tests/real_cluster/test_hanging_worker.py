"""A worker that hangs: its process and its machine are alive, and its chunk never ends."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.jobs import until

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
HANG_S = 15
NUM_FRAMES = 40


def busy_worker(driver: int) -> int:
    """A worker that is computing a chunk."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in psutil.Process(driver).children(recursive=True):
            if "ChunkWorker.make" in " ".join(process.cmdline()):
                return process.pid
        time.sleep(0.01)
    raise AssertionError("no worker is ever at a chunk")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_hangs_is_killed_and_its_chunk_runs_elsewhere(workers: int, tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "clip.mp4", num_frames=NUM_FRAMES, width=320, height=192)
    cluster = {"address": "local", "workers": {"max": workers, "hang_s": HANG_S}}
    job = Job(tmp_path / "job").write(
        [str(clip)],
        retime={"slowdown": 16},
        interpolate={"method": "flow"},
        encode={"preset": "ultrafast"},
        chunks={"pairs": 1},
        cluster=cluster,
    )
    driver = job.begin()
    job.wait_for_commits(2)
    frozen = busy_worker(driver.pid)
    os.kill(frozen, signal.SIGSTOP)
    output, _ = driver.communicate(timeout=400)
    assert driver.returncode == 0, output
    until(lambda: not psutil.pid_exists(frozen), "the worker that hung is gone")
    assert "was killed" in output
    assert job.receipts()["clip"].num_frames == NUM_FRAMES * 16
    assert max(done.seconds.total for done in job.commits()) < HANG_S
