"""A job on a cluster that has no machine yet: it grows as there is work, loses a machine, and shrinks to nothing."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from slomo_batch.documents import from_json
from slomo_batch.records import ChunkDone, Published
from slomo_batch.storage.layout import Layout
from slomo_batch.storage.location import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from tests.cluster.autoscaling import AutoscalingCluster, autoscaling_cluster
from tests.end_to_end.running import Job, excerpt
from tests.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
NUM_FRAMES = 40
STORE = 100 << 20
NODE_TYPES = {
    "gpu_spot": {
        "resources": {"CPU": 1, "GPU": 1, "object_store_memory": STORE},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    },
    "cpu": {
        "resources": {"CPU": 2, "object_store_memory": STORE},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 1,
    },
}
SECTIONS = {"retime": {"slowdown": 4}, "chunks": {"pairs": 2}, "encode": {"codec": "ffv1"}}


def test_a_job_grows_the_cluster_survives_a_lost_machine_and_lets_it_shrink(s3: S3Server, tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "bikes.mp4", num_frames=NUM_FRAMES, width=320, height=192)
    quiet = Job(tmp_path / "quiet").write([str(clip)], **SECTIONS)
    assert quiet.run().returncode == 0
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=f"s3://{bucket}", options=s3.options()))
    store.put_file("in/bikes.mp4", clip)
    with autoscaling_cluster(NODE_TYPES, {**s3.env(), "OMP_NUM_THREADS": "1"}) as cluster:
        job = Job(tmp_path / "job").write(
            [f"s3://{bucket}/in/*.mp4"],
            **SECTIONS,
            output={"uri": f"s3://{bucket}/out/{{stem}}.mkv"},
            work=f"s3://{bucket}/work",
            storage={"endpoint_url": s3.endpoint, "region": "us-east-1", "addressing_style": "path"},
            # The nodes' GPUs are told to Ray only: arithmetic is that of a CPU, so the precision is said.
            cluster={"address": cluster.address, "workers": {"max": 2}, "gpus_per_worker": 1},
        )
        assert not cluster.nodes()
        driver = job.begin()
        try:
            until(lambda: len(commits(store, job)) >= 3, "chunks are made on machines that were started for them")
            peak = len(cluster.nodes())
            lost = next(node for node in cluster.nodes() if holds_a_worker(node.pid))
            os.kill(lost.pid, signal.SIGKILL)
            output, _ = driver.communicate(timeout=240)
        finally:
            driver.kill()
        assert driver.returncode == 0, output
        assert peak >= 2
        assert published(store, job).frames_sha256 == quiet.receipts()["bikes"].frames_sha256
        until(lambda: not cluster.nodes(), "idle machines go")


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def commits(store: ObjectStore, job: Job) -> list[ChunkDone]:
    keys = [found.key for found in store.list(f"work/{Layout(job.name).videos}") if "/commits/" in found.key]
    return [from_json(ChunkDone, store.get(key)) for key in keys]


def published(store: ObjectStore, job: Job) -> Published:
    [receipt] = store.list(f"work/{Layout(job.name).receipts}")
    return from_json(Published, store.get(receipt.key))


def holds_a_worker(raylet: int) -> bool:
    for child in AutoscalingCluster.children_of(raylet):
        with suppress(psutil.NoSuchProcess):
            if "ChunkMaker" in " ".join(child.cmdline()):
                return True
    return False
