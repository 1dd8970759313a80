"""Machines are requested from an autoscaler at once; a demand that it can never meet ends the run with the reason."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ray.autoscaler.v2.sdk import get_cluster_status

from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.uri import Uri
from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.autoscaling import AutoscalingCluster, autoscaling_cluster
from tests.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
NODE_TYPES = {
    "gpu": {
        "resources": {"CPU": 2, "GPU": 1, "object_store_memory": 100 << 20},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    },
    "cpu": {
        "resources": {"CPU": 2, "object_store_memory": 100 << 20},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 1,
    },
}


@pytest.fixture(scope="module")
def cluster(s3: S3Server) -> Iterator[AutoscalingCluster]:
    with autoscaling_cluster(NODE_TYPES, {**s3.env(), "OMP_NUM_THREADS": "1"}) as started:
        yield started


@pytest.fixture
def job(s3: S3Server, cluster: AutoscalingCluster, tmp_path: Path) -> Job:
    return job_on(cluster, s3, tmp_path, gpus_per_worker=1)


def job_on(cluster: AutoscalingCluster, s3: S3Server, tmp_path: Path, **section: int) -> Job:
    """A small job for two workers; `section` goes into the manifest's `cluster`."""
    bucket = s3.make_bucket()
    clip = excerpt("bikes", tmp_path / "bikes.mp4", num_frames=12, width=320, height=192)
    open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options())).put_file("in/bikes.mp4", clip)
    return Job(tmp_path / "job").write(
        [f"s3://{bucket}/in/*.mp4"],
        interpolate={"method": "blend"},
        output={"uri": f"s3://{bucket}/out/{{stem}}.mkv"},
        work=f"s3://{bucket}/work",
        storage={"endpoint_url": s3.endpoint, "region": "us-east-1", "addressing_style": "path"},
        cluster={"address": cluster.address, "workers": {"max": 2}, **section},
    )


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def room_asked_for(cluster: AutoscalingCluster) -> list[tuple[dict[str, float], int]]:
    demands = get_cluster_status(cluster.address).resource_demands.cluster_constraint_demand
    return [(each.bundle, each.count) for demand in demands for each in demand.bundles_by_count]


def test_a_job_that_does_not_say_whether_its_workers_take_gpus_is_refused(
    s3: S3Server, cluster: AutoscalingCluster, tmp_path: Path
) -> None:
    refused = job_on(cluster, s3, tmp_path).run()
    assert refused.returncode == 2, refused.stderr
    assert "cluster.gpus_per_worker is not set" in refused.stderr
    assert cluster.nodes() == []


def test_a_worker_that_no_type_of_machine_can_hold_ends_the_run(job: Job) -> None:
    refused = job.run("--set", "cluster.gpus_per_worker=2")
    assert refused.returncode == 3, refused.stderr
    assert "no worker can ever start on this cluster" in refused.stderr
    assert "2 GPU" in refused.stderr


def test_prewarmed_machines_are_ready_and_released(job: Job, cluster: AutoscalingCluster) -> None:
    driver = job.begin("--prewarm", "7")
    try:
        until(lambda: room_asked_for(cluster) != [], "room is asked for")
        assert room_asked_for(cluster) == [({"CPU": 1.0, "GPU": 1.0}, 2)]
        output, _ = driver.communicate(timeout=240)
    finally:
        driver.kill()
    assert driver.returncode == 0, output
    assert room_asked_for(cluster) == []
    until(lambda: not cluster.nodes(), "the machines go")
