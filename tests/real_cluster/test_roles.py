"""A GPU machine whose role reaches the work place only makes the chunks of a whole job; steps run elsewhere."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from slomo_batch.cluster.labels import NEVER, STEPS
from slomo_batch.cluster.nodes import cluster_total
from slomo_batch.errors import AccessRefused, ObjectMissing
from tests.end_to_end.running import Job
from tests.real_cluster.conftest import Quiet
from tests.real_cluster.jobs import SECTIONS, STORE, until
from tests.s3_clients import open_s3
from tests.s3_server import S3Server, serving

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
POLICY: dict[str, Any] = json.loads((ROOT / "docs" / "aws" / "worker.json").read_text())
ACTIONS = {
    "s3:ListBucket": "List",
    "s3:GetObject": "Read",
    "s3:ListMultipartUploadParts": "Read",
    "s3:PutObject": "Write",
    "s3:DeleteObject": "Write",
    "s3:AbortMultipartUpload": "Write",
}
"""The server's names of actions. It has none for deleting only."""
WORKER = "gpuworker"


def granted() -> set[str]:
    """What docs/aws/worker.json allows, in the words of the server."""
    return {
        f"{ACTIONS[action]}:{resource.removeprefix('arn:aws:s3:::').replace('EXAMPLE-SCRATCH', 'scratch')}"
        for each in POLICY["Statement"]
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
        for resource in ([each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"])
    }


@pytest.fixture
def roles() -> Iterator[S3Server]:
    """A server that accepts the GPU machine's key for what its policy grants."""
    with serving(limited={WORKER: sorted(granted())}) as server:
        for name in ("archive", "output", "scratch"):
            server.make_bucket(name)
        yield server


@ray.remote(num_gpus=1, num_cpus=0)
def refused_there(server: S3Server) -> list[str]:
    """What a process on the GPU machine may not do, of reading and writing at three places."""
    refused = []
    for place in ("archive/films", "output/films", "scratch/slomo/jobs"):
        store = open_s3(f"s3://{place}", server, addressing_style="path")
        for name, attempt in (("read", store.get), ("write", partial(store.put, data=b"x"))):
            try:
                attempt("key")
            except AccessRefused:
                refused.append(f"{name} {place}")
            except ObjectMissing:
                continue
    return refused


@pytest.fixture
def address(roles: S3Server) -> Iterator[str]:
    """A head without CPUs, a GPU machine with the limited key, and one for steps."""
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    gpu = {"num_gpus": 1, "labels": {STEPS: NEVER}, "env_vars": roles.limited(WORKER).env()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**roles.env(), "OMP_NUM_THREADS": "1"}.items():
            patch.setenv(name, value)
        cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(num_cpus=3, object_store_memory=STORE, **gpu)
        cluster.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        until(lambda: cluster_total("CPU") == 4, "the machines are up")
        refused: Any = refused_there.remote
        assert ray.get(refused(roles)) == [
            "read archive/films",
            "write archive/films",
            "read output/films",
            "write output/films",
        ]
        ray.shutdown()
        yield cluster.address
        cluster.shutdown()


def test_a_gpu_machine_needs_the_work_place_only(roles: S3Server, address: str, tmp_path: Path, quiet: Quiet) -> None:
    open_s3("s3://archive", roles).put_file("films/bikes.mp4", quiet.clip)
    storage = {"endpoint_url": roles.endpoint, "region": "us-east-1", "addressing_style": "path"}
    job = Job(tmp_path / "job").write(
        ["s3://archive/films/*.mp4"],
        **{**SECTIONS, "storage": storage},
        output={"uri": "s3://output/films/{stem}.mkv"},
        work="s3://scratch/slomo",
        cluster={"address": address, "workers": {"max": 1}, "gpus_per_worker": 1, "cpus_per_worker": 1},
    )
    ran = job.run("--json", env=roles.env())
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    made = {event["stint"]["process"] for event in events if event["event"] == "chunk_finished"}
    steps = {event["stint"]["process"] for event in events if event["event"] == "step_finished"}
    assert len(made) == 1
    assert steps
    assert not made & steps
    assert not [event for event in events if event["event"] == "attempt_failed"]
