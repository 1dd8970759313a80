"""On two machines without GPUs whose workers are all busy, steps run beside them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from slomo_batch.cluster.nodes import cluster_total
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.uri import Uri
from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.jobs import until
from tests.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
MEMORY = 150_000_000
NUM_FRAMES = (61, 5)
"""Of each clip: the short one is made long before the other."""


@pytest.fixture
def address(s3: S3Server) -> Iterator[str]:
    """A head without CPUs, and two machines with two CPUs each."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**s3.env(), "OMP_NUM_THREADS": "1"}.items():
            patch.setenv(name, value)
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": MEMORY}
        cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            cluster.add_node(num_cpus=2, object_store_memory=MEMORY)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        until(lambda: cluster_total("CPU") == 4, "the machines are up")
        ray.shutdown()
        yield cluster.address
        cluster.shutdown()


def test_videos_are_published_while_all_workers_are_busy(s3: S3Server, address: str, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    for number, num_frames in enumerate(NUM_FRAMES):
        clip = excerpt("bikes", tmp_path / "clip.mp4", num_frames=num_frames, width=320, height=192)
        store.put_file(f"in/{number}.mp4", clip)
    job = Job(tmp_path / "job").write(
        [f"s3://{bucket}/in/*.mp4"],
        chunks={"pairs": 2},
        output={"uri": f"s3://{bucket}/out/{{stem}}.mkv"},
        work=f"s3://{bucket}/work",
        storage={"endpoint_url": s3.endpoint, "region": "us-east-1", "addressing_style": "path"},
        cluster={"address": address, "workers": {"max": 8}, "gpus_per_worker": 0},
    )
    ran = job.run("--json", env=s3.env())
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    made = [place for place, event in enumerate(events) if event["event"] == "chunk_finished"]
    published = [place for place, event in enumerate(events) if event["event"] == "video_published"]
    assert len(made) >= 30
    assert len(published) == 2
    assert len({events[place]["stint"]["process"] for place in made}) == 2, "one worker of one CPU on each machine"
    assert published[0] < made[-1], "a stitch does not wait until a worker has nothing to do"
    assert not [event for event in events if event["event"] == "attempt_failed"]
