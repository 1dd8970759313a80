"""Drivers and workers are killed at random; the job still ends with the same frames. Minutes long: make chaos."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.running import REAL_CLIPS, Job, excerpt, frame_hashes, kill
from tests.processes import Command

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
NUM_FRAMES = 30
MOST_DRIVERS = 12
SECTIONS = {"encode": {"codec": "ffv1"}, "retime": {"slowdown": 4}}


@pytest.mark.parametrize("seed", [1, 2])
def test_drivers_and_workers_are_killed_at_random_until_the_job_is_done(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    clips = [
        str(excerpt(name, tmp_path / f"{name}.mp4", num_frames=NUM_FRAMES, width=192, height=112))
        for name in REAL_CLIPS
    ]
    reference = Job(tmp_path / "reference").write(clips, **SECTIONS)
    assert reference.run().returncode == 0
    cluster = {"address": "local", "workers": {"max": 2}}
    job = Job(tmp_path / "job").write(clips, **SECTIONS, chunks={"pairs": 2}, cluster=cluster)
    for _ in range(MOST_DRIVERS):
        if harassed(job.begin("--retry-failed"), chance) == 0:
            break
    else:
        assert job.run("--retry-failed").returncode == 0
    for name, published in job.receipts().items():
        expected = reference.receipts()[name]
        assert published.frames_sha256 == expected.frames_sha256
        assert frame_hashes(Path(published.output_uri)) == frame_hashes(Path(expected.output_uri))
    assert job.receipts().keys() == reference.receipts().keys()


def harassed(driver: Command, chance: random.Random) -> int | None:
    """Kill workers, tasks or in the end the driver while it runs; return its exit code if it ended by itself."""
    killed_at = time.monotonic() + chance.uniform(8, 40)
    while driver.poll() is None and time.monotonic() < killed_at:
        time.sleep(chance.uniform(1, 6))
        victims = ray_workers_of(driver.pid)
        if victims and driver.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
    if driver.poll() is None:
        kill(driver)
        return None
    driver.communicate()
    return driver.returncode


def ray_workers_of(driver: int) -> list[int]:
    """The actors and tasks among a driver's descendants; those that end meanwhile are left out."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(driver).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "ray::" in " ".join(process.cmdline()):
                    found.append(process.pid)
    return found
