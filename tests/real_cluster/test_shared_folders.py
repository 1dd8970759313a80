"""A job in a folder that the machines of a cluster share; a machine that does not see it is named and gets no work."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.storage.local import LocalStore
from tests.end_to_end.running import Job
from tests.real_cluster.conftest import Quiet
from tests.real_cluster.job_cluster import JobCluster, job_cluster
from tests.real_cluster.jobs import SECTIONS, WAIT_S, RunningJob, driven, until
from tests.real_cluster.test_bad_machine import is_excluded, joined

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
UNMOUNTED = 'mount -t tmpfs empty "$0" && exec "$@"'


@pytest.fixture
def folder(quiet: Quiet, tmp_path: Path) -> Path:
    """The shared folder, with a clip in it."""
    shared = tmp_path / "shared"
    LocalStore(shared).put_file("in/bikes.mp4", quiet.clip)
    return shared


@pytest.fixture
def blind(folder: Path) -> Sequence[str]:
    """A command prefix: its processes see an empty folder there, as on a machine on which it is not mounted."""
    words = ["unshare", "--mount", "sh", "-c", UNMOUNTED, str(folder)]
    if os.geteuid() != 0 or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting over a folder is refused here")
    return words


def shared_job(cluster: JobCluster, folder: Path, **sections: Any) -> AbstractContextManager[RunningJob]:
    """A running job whose inputs, work place and outputs are in the folder."""
    job = Job(folder.parent / "job").write(
        [f"{folder}/in/*.mp4"],
        **{**SECTIONS, "storage": {"shared": [str(folder)]}, **sections},
        output={"uri": f"{folder}/out/{{stem}}.mkv"},
        work=f"{folder}/work",
        cluster={"address": cluster.gcs_address, "workers": {"min": 3, "max": 3}, "gpus_per_worker": 1},
    )
    return driven(job, LocalStore(folder))


def test_machines_work_in_a_shared_folder_without_the_one_that_does_not_see_it(
    quiet: Quiet, folder: Path, blind: Sequence[str]
) -> None:
    with (
        job_cluster({}, num_cpus=0) as cluster,
        joined(cluster, {}) as one,
        joined(cluster, {}) as other,
        joined(cluster, {}, within=blind) as unmounted,
        shared_job(cluster, folder, chunks={"pairs": 1}) as job,
    ):
        until(lambda: is_excluded(job, unmounted) or job.driver.poll() is not None, "the machine is found")
        assert is_excluded(job, unmounted), job.tail()
        assert job.finish().frames_sha256 == quiet.frames_sha256
        notes = [event["text"] for event in job.events("note")]
        assert "2 machines raced for objects in the work place: each was created once" in notes
        assert not is_excluded(job, one)
        assert not is_excluded(job, other)
    assert [path.name for path in (folder / "out").iterdir() if path.suffix != ".json"] == ["bikes.mkv"]


def test_a_job_ends_if_no_machine_sees_the_folder(folder: Path, blind: Sequence[str]) -> None:
    with (
        job_cluster({}, num_cpus=0) as cluster,
        joined(cluster, {}, within=blind) as only,
        shared_job(cluster, folder) as job,
    ):
        assert job.driver.wait(WAIT_S) == 3, job.tail()
        assert "this machine does not see the same files in the shared folder as the driver" in job.tail()
        assert f"(node {only.node_id[:12]})" in job.tail()


def test_a_folder_that_no_setting_names_is_refused(folder: Path) -> None:
    with job_cluster({}, num_cpus=0) as cluster, joined(cluster, {}), shared_job(cluster, folder, storage={}) as job:
        assert job.driver.wait(WAIT_S) == 2, job.tail()
        assert "in a folder that all machines see and storage.shared names" in job.tail()
