"""A chunk that is late is made on another machine too: the job ends without its worker, which is frozen."""

from pathlib import Path

import pytest

from slomo_batch.storage.local import LocalStore
from tests.real_cluster.conftest import Quiet
from tests.real_cluster.job_cluster import job_cluster
from tests.real_cluster.jobs import until
from tests.real_cluster.test_bad_machine import joined
from tests.real_cluster.test_shared_folders import shared_job

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]


def test_a_job_ends_although_a_worker_never_finishes_its_chunks(quiet: Quiet, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    LocalStore(folder).put_file("in/bikes.mp4", quiet.clip)
    with (
        job_cluster({}, num_cpus=0) as cluster,
        joined(cluster, {}) as one,
        joined(cluster, {}),
        shared_job(cluster, folder, chunks={"pairs": 1}) as job,
    ):
        job.wait_for_commits(2)
        until(one.workers, "a worker is up there")
        [frozen] = one.workers()
        frozen.suspend()
        made = len(job.commits())
        assert job.finish().frames_sha256 == quiet.frames_sha256
        chunks = sorted(done.index for done in job.commits())
        assert chunks == list(range(len(chunks)))
        assert len(chunks) > made
        assert job.events("attempt_failed") == []
        until(lambda: not frozen.is_running(), "its worker is gone with the job")
