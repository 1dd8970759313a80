"""A job on a cluster without machines: the cluster grows with the work, and shrinks to nothing."""

from pathlib import Path

import pytest

from tests.real_cluster.conftest import Quiet
from tests.real_cluster.jobs import cluster_and_job, until
from tests.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_a_job_grows_the_cluster_and_lets_it_shrink(s3: S3Server, quiet: Quiet, tmp_path: Path) -> None:
    with cluster_and_job(s3, quiet.clip, tmp_path) as (cluster, job):
        until(lambda: len(cluster.nodes_with_a_worker()) == 2, "two machines are started, for a worker each")
        assert all(node.kind == "gpu_spot" for node in cluster.nodes_with_a_worker()), "the cheaper ones come first"
        job.wait_for_commits(3)
        assert not cluster.workers_on_the_head(), "no chunk and no task lands on the head"
        assert job.finish().frames_sha256 == quiet.frames_sha256
        assert not job.lost()
        until(lambda: not cluster.nodes(), "idle machines go")
