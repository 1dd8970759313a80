"""Machines with too little memory for what a job pinned say so: they get no chunk, one line names their type, and
Ray's autoscaler starts none of a type that workers are kept off."""

import logging
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from slomo_batch.cluster.labels import NODE_TYPE
from slomo_batch.cluster.nodes import type_of_this_node
from slomo_batch.scheduler.abilities import basis_of, probe_abilities
from slomo_batch.scheduler.excluded_machines import kept_off
from slomo_batch.steps.job_pin import pin_basis
from slomo_batch.storage.local import LocalStore
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.autoscaling import autoscaling_cluster
from tests.real_cluster.job_cluster import job_cluster
from tests.real_cluster.jobs import GPU_NODE, WAIT_S, until
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
    pin_basis(basis_of(replace(probe_abilities(), precision="fp32")), context)  # in bf16 the memory would do
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


class Idle:
    """An actor that takes a GPU."""

    def node_type(self) -> str:
        """The type of the node that it runs on."""
        return type_of_this_node()


def test_no_machine_starts_of_a_type_that_workers_are_kept_off_if_the_types_have_labels() -> None:
    types = {
        name: {**GPU_NODE, "max_workers": 1, "priority": priority, "labels": {NODE_TYPE: name}}
        for name, priority in (("preferred", 20), ("other", 10))
    }
    with autoscaling_cluster(types, {}) as cluster:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        try:
            actor_class: Any = ray.remote(num_gpus=1)(Idle)
            actor = actor_class.options(**kept_off({"0" * 56}, {"preferred"})).remote()
            assert ray.get(actor.node_type.remote(), timeout=WAIT_S) == "other"
            assert [node.kind for node in cluster.nodes()] == ["other"]
        finally:
            ray.shutdown()
