"""The head of a cluster is killed in the middle of a job and starts again: the same command finishes the job."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.autoscaling import processes_of
from tests.real_cluster.job_cluster import JobCluster, free_ports, job_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
WITHIN_S = 600
HEAD = {"gcs_server", "raylet"}
"""Names of the processes that make a head."""


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@contextmanager
def submitted(job: Job, cluster: JobCluster, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """What the unit on the head runs: submit the job or join it, and wait for its end. It ends with the head."""
    command = [sys.executable, "-m", "slomo_batch", "submit", str(job.manifest), "--address", cluster.address]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--follow"], stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_head(cluster: JobCluster) -> None:
    """Kill its servers at once; the rest of Ray notices."""
    killed = set()
    for process in processes_of(cluster.folder):
        with suppress(psutil.NoSuchProcess):
            if process.name() in HEAD:
                killed.add(process.name())
                process.send_signal(signal.SIGKILL)
    assert killed == HEAD


def test_a_job_whose_head_was_killed_is_finished_by_the_same_command_and_nothing_is_made_twice(tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "bikes.mp4", num_frames=40, width=320, height=192)
    job = Job(tmp_path, name="long").write(
        [str(clip)], interpolate={"method": "flow"}, chunks={"pairs": 2}, cluster={"address": "auto"}
    )
    ports = free_ports()
    log = tmp_path / "submit.log"
    with job_cluster({}, ports=ports) as cluster, submitted(job, cluster, log):
        until(lambda: len(job.commits()) >= 2, "chunks are made")
        kill_head(cluster)
    before = {commit.chunk_id: commit.attempt for commit in job.commits()}
    assert job.receipts() == {}
    with job_cluster({}, ports=ports) as cluster, submitted(job, cluster, log) as again:
        assert again.wait(WITHIN_S) == 0, log.read_text()
    after = {commit.chunk_id: commit.attempt for commit in job.commits()}
    assert before.items() <= after.items(), "what was committed is used"
    assert len(after) > len(before)
    assert list(job.receipts()) == ["bikes"]
