"""A job on a cluster that starts without machines: its inputs, outputs and work place on a real S3 server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.results import Published
from slomo_batch.serialization import from_json
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.end_to_end.running import Job
from tests.real_cluster.autoscaling import AutoscalingCluster, autoscaling_cluster
from tests.s3_server import S3Server

WAIT_S = 400
"""Seconds that a test waits for an expected event; machines that run tests are slow."""
STORE = 100 << 20
GPU_NODE = {"resources": {"CPU": 2, "GPU": 1, "object_store_memory": STORE}, "node_config": {}, "min_workers": 0}
NODE_TYPES: dict[str, Mapping[str, Any]] = {
    "gpu_spot": {**GPU_NODE, "max_workers": 2, "priority": 20},
    "gpu_on_demand": {**GPU_NODE, "max_workers": 2, "priority": 10},
    "cpu": {
        "resources": {"CPU": 2, "object_store_memory": STORE},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 1,
    },
}
SECTIONS = {"retime": {"slowdown": 4}, "chunks": {"pairs": 2}, "encode": {"codec": "ffv1"}}


def until(is_so: Callable[[], Any], what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@dataclass(frozen=True, kw_only=True)
class RunningJob:
    """A job on a cluster, with its driver in a separate process."""

    job: Job
    driver: subprocess.Popen[bytes]
    log: Path
    store: ObjectStore

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The driver's events of one kind so far."""
        events = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in events if event["event"] == kind]

    def lost(self) -> list[str]:
        """The reasons for lost workers so far."""
        return [event["reason"] for event in self.events("attempt_failed") if event["error"] == "WorkerLost"]

    def commits(self) -> list[ChunkDone]:
        """The chunks that are finished so far."""
        keys = [found.key for found in self.store.list(f"work/{Layout(self.job.name).videos}")]
        return [from_json(ChunkDone, self.store.get(key)) for key in keys if "/commits/" in key]

    def wait_for_commits(self, number: int) -> None:
        """Wait until so many chunks are finished."""
        until(lambda: len(self.commits()) >= number, f"{number} chunks are made\n{self.tail()}")

    def finish(self) -> Published:
        """The one output, after the driver has ended with exit code 0."""
        try:
            code = self.driver.wait(2 * WAIT_S)
        finally:
            self.driver.kill()
        assert code == 0, self.tail()
        [receipt] = self.store.list(f"work/{Layout(self.job.name).receipts}")
        return from_json(Published, self.store.get(receipt.key))

    def tail(self) -> str:
        """The last output of the driver."""
        return self.log.read_text()[-3000:]


@contextmanager
def driven(job: Job, store: ObjectStore) -> Iterator[RunningJob]:
    """The job, run by a driver of its own; `store` has its inputs, work place and outputs."""
    log = job.folder / "driver.log"
    with log.open("wb") as output:
        driver = subprocess.Popen(
            [sys.executable, "-m", "slomo_batch", "run", str(job.manifest), "--json"],
            stdout=output,
            stderr=output,
            env={**os.environ},
            start_new_session=True,
        )
    try:
        yield RunningJob(job=job, driver=driver, log=log, store=store)
    finally:
        driver.kill()
        driver.wait()


def job_on(
    address: str, s3: S3Server, clip: Path, folder: Path, sections: Mapping[str, Any] = SECTIONS
) -> AbstractContextManager[RunningJob]:
    """A running job with these sections on two GPU workers."""
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    store.put_file("in/bikes.mp4", clip)
    job = Job(folder).write(
        [f"s3://{bucket}/in/*.mp4"],
        **sections,
        output={"uri": f"s3://{bucket}/out/{{stem}}.mkv"},
        work=f"s3://{bucket}/work",
        storage={"endpoint_url": s3.endpoint, "region": "us-east-1", "addressing_style": "path"},
        # The nodes' GPUs are declared to Ray only: the arithmetic runs on CPUs.
        cluster={"address": address, "workers": {"max": 2}, "gpus_per_worker": 1},
    )
    return driven(job, store)


@contextmanager
def cluster_and_job(s3: S3Server, clip: Path, folder: Path) -> Iterator[tuple[AutoscalingCluster, RunningJob]]:
    """A cluster without a machine, and a job running on it."""
    with autoscaling_cluster(NODE_TYPES, {**s3.env(), "OMP_NUM_THREADS": "1"}) as cluster:
        assert not cluster.nodes()
        with job_on(cluster.address, s3, clip, folder) as running:
            yield cluster, running
