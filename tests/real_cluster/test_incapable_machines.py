"""Machines with too little memory for what a job pinned say so: they get no chunk, and one line names their type."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from slomo_batch.scheduler.abilities import basis_of, probe_abilities
from slomo_batch.steps.job_pin import pin_basis
from slomo_batch.storage.local import LocalStore
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.job_cluster import job_cluster
from tests.real_cluster.jobs import until
from tests.real_cluster.test_bad_machine import joined
from tests.real_cluster.test_shared_folders import shared_job

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
LIMIT = 200 << 20
"""Bytes: enough for Ray's object store, too few for a pair of 1280x720."""
MOUNT = f"mount -t tmpfs limits /sys/fs/cgroup && echo {LIMIT} >/sys/fs/cgroup/memory.max"
NUM_SMALL = 3


@pytest.fixture
def little() -> Sequence[str]:
    """A command prefix for `ray start`: its processes see a control group that allows them little memory."""
    words = ["unshare", "--mount", "sh", "-c", f'{MOUNT} && exec "$@" --memory=1000000000', "sh"]
    if os.geteuid() != 0 or subprocess.run([*words, "echo"], check=False, capture_output=True).returncode:
        pytest.skip("mounting over the control groups is refused here")
    return words


def test_machines_with_too_little_memory_get_no_chunk_and_one_line(little: Sequence[str], tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    clip = excerpt("bikes", tmp_path / "bikes.mp4", num_frames=9, width=1280, height=720)
    LocalStore(folder).put_file("in/bikes.mp4", clip)
    context = open_context(JobEnvironment(work_uri=Uri(f"{folder}/work"), job=Job(tmp_path).name))
    pin_basis(basis_of(probe_abilities()), context)
    small = {"RAY_NODE_TYPE_NAME": "small", "RAY_memory_monitor_refresh_ms": "0"}
    with ExitStack() as stack:
        cluster = stack.enter_context(job_cluster({}, num_cpus=0))
        nodes = [stack.enter_context(joined(cluster, small, within=little)) for _ in range(NUM_SMALL)]
        big = stack.enter_context(joined(cluster, {"RAY_NODE_TYPE_NAME": "big"}))
        job = stack.enter_context(shared_job(cluster, folder))

        def notes() -> list[str]:
            return [event["text"] for event in job.events("note") if "no chunks" in event["text"]]

        until(lambda: notes() or job.driver.poll() is not None, "the machines are named")
        until(lambda: big.workers() or job.driver.poll() is not None, "the other one works")
        assert not any(node.workers() for node in nodes)
        job.finish()
        [note] = notes()
        assert " of type small (" in note
        assert "lack 239.6 MB of memory" in note
        assert job.events("attempt_failed") == []
