"""A stitch starts a machine with the disk that it needs; if no type of machine has it, it is refused."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from slomo_batch.attempts import Errored
from slomo_batch.cluster.nodes import cluster_total
from slomo_batch.errors import TooLittleDisk
from slomo_batch.scheduler.calls import StitchCall
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment
from tests.attempts import step_head
from tests.real_cluster.autoscaling import AutoscalingCluster, autoscaling_cluster
from tests.real_cluster.jobs import STORE, until
from tests.scale import products
from tests.scheduler.virtual_ray import open_call

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(900)]
NODE_TYPES = {
    "small": {
        "resources": {"CPU": 4, "object_store_memory": STORE, "scratch_gb": 10},
        "node_config": {},
        "min_workers": 1,
        "max_workers": 1,
    },
    "large": {
        "resources": {"CPU": 1, "object_store_memory": STORE, "scratch_gb": 100},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 1,
    },
}
NEEDS = WorkerNeeds(min_workers=0, max_workers=1, num_gpus=0, num_cpus=1, slots=1, cores=1, hang_s=3600)
STORED = products.opened(open_call(), 8, audio=False).stored
GB = 10**9


@pytest.fixture
def cluster() -> Iterator[AutoscalingCluster]:
    """A cluster with one small machine, to which this process is connected."""
    with autoscaling_cluster(NODE_TYPES, {"OMP_NUM_THREADS": "1"}) as started:
        ray.init(address=started.address, log_to_driver=False, logging_level=logging.ERROR)
        until(lambda: cluster_total("CPU") == 4, "the small machine is up")
        yield started
        ray.shutdown()


def stitched(engine: RayEngine, disk_gb: int) -> Errored:
    """The outcome of a stitch that needs so much disk; there are no segments, so it ends in an error where it runs."""
    head = step_head("stitch")
    engine.start(
        StitchCall(head=head, stored=STORED, lane="copy", exists="skip", sidecar=False, disk_bytes=disk_gb * GB)
    )
    came = []

    def has_ended() -> bool:
        came.extend(engine.outcomes(0.5))
        return bool(came)

    until(has_ended, "the stitch ends")
    [(_, outcome)] = came
    assert isinstance(outcome, Errored), outcome
    return outcome


def test_a_stitch_starts_a_machine_with_enough_disk(cluster: AutoscalingCluster, tmp_path: Path) -> None:
    engine = RayEngine(JobEnvironment(work_uri=Uri(tmp_path), job="job"), NEEDS, num_tasks=4)
    assert kind_of(cluster, stitched(engine, 5).machine) == "small"
    assert kind_of(cluster, stitched(engine, 50).machine) == "large"
    refused = stitched(engine, 500)
    assert isinstance(refused.error, TooLittleDisk), refused
    assert "expected scratch_gb of at least 500" in refused.reason
    engine.close()


def kind_of(cluster: AutoscalingCluster, node_id: str) -> str:
    """The type of a machine."""
    return next(node.kind for node in cluster.nodes() if node.node_id == node_id)
