"""One of two machines is bad: it is found, named and gets no more work; the output equals an undisturbed run's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.running import Job
from tests.real_cluster.autoscaling import Node, _free_port, _wait_until_ready
from tests.real_cluster.conftest import Quiet
from tests.real_cluster.job_cluster import JobCluster, job_cluster
from tests.real_cluster.jobs import RunningJob, job_on, until
from tests.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
SLOW = {"retime": {"slowdown": 48}, "chunks": {"pairs": 1}, "encode": {"codec": "ffv1"}}
"""As many chunks as there are pairs: a bad machine is found long before they are finished."""
SMALL_DISK = 'mount -t tmpfs -o size=64k small "$0" && exec "$@"'


@pytest.fixture(scope="module")
def slow(quiet: Quiet, tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    """The clip, and its output from two good machines."""
    job = Job(tmp_path_factory.mktemp("slow")).write([str(quiet.clip)], **SLOW)
    assert job.run(env={"OMP_NUM_THREADS": "1"}).returncode == 0
    return Quiet(clip=quiet.clip, frames_sha256=job.receipts()["bikes"].frames_sha256)


@contextmanager
def joined(cluster: JobCluster, env: Mapping[str, str], *, within: Sequence[str] = ()) -> Iterator[Node]:
    """A machine with a GPU joins the cluster, as `ray start` joins one by hand; it is removed with the cluster."""
    command = [
        *within,
        *(str(Path(sys.executable).parent / "ray"), "start", f"--address={cluster.gcs_address}", "--block"),
        *("--node-ip-address=127.0.0.1", "--num-cpus=2", "--num-gpus=1", f"--object-store-memory={100 << 20}"),
        *(f"--dashboard-agent-listen-port={_free_port()}", "--disable-usage-stats"),
    ]
    kept_env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAY_"))}
    own = {"OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled", "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}
    log = cluster.folder / f"node-{_free_port()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**kept_env, **own, **env}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(process, log)
        [raylet] = [one for one in psutil.Process(process.pid).children(recursive=True) if one.name() == "raylet"]
        node_id = next(word.split("=")[1] for word in raylet.cmdline() if word.startswith("--node_id="))
        yield Node(raylet=raylet.pid, node_id=node_id, kind="")
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def small_disk(folder: Path) -> Iterator[Sequence[str]]:
    """A command prefix that mounts a disk of 64 KiB there, in a separate mount namespace."""
    folder.mkdir()
    words = ["unshare", "--mount", "sh", "-c", SMALL_DISK, str(folder)]
    if os.geteuid() != 0 or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk is refused here")
    yield words


def is_excluded(job: RunningJob, bad: Node) -> bool:
    """Whether the driver reported that this machine gets no more work."""
    notes = [event["text"] for event in job.events("note")]
    return any(f"(node {bad.node_id[:12]}) gets no more work" in note for note in notes)


def check_excluded(job: RunningJob, slow: Quiet, bad: Node, good: Node) -> None:
    """Check that the machine is named, loses its worker while the job continues, and gets no more work."""
    until(lambda: is_excluded(job, bad) or job.driver.poll() is not None, "the bad machine is found")
    until(lambda: not bad.workers() or job.driver.poll() is not None, "the bad machine is rid of its worker")
    assert job.driver.poll() is None, f"the job was to be running still\n{job.tail()}"
    num_lost = len(job.lost())
    job.wait_for_commits(len(job.commits()) + 5)
    assert not bad.workers()
    assert good.workers()
    assert len(job.lost()) == num_lost
    assert not is_excluded(job, good)
    assert job.finish().frames_sha256 == slow.frames_sha256


def test_a_machine_with_a_full_disk_is_excluded(s3: S3Server, slow: Quiet, tmp_path: Path) -> None:
    env = s3.env()
    with small_disk(tmp_path / "disk") as within, job_cluster(env, num_cpus=0) as cluster:
        full = {**env, "TMPDIR": str(tmp_path / "disk")}
        with (
            joined(cluster, full, within=within) as bad,
            joined(cluster, env) as good,
            job_on(cluster.gcs_address, s3, slow.clip, tmp_path / "job", SLOW) as job,
        ):
            check_excluded(job, slow, bad, good)
            assert any("no space left" in reason for reason in job.lost())


def test_a_machine_on_which_every_chunk_dies_is_excluded(s3: S3Server, slow: Quiet, tmp_path: Path) -> None:
    env = s3.env()
    with (
        job_cluster(env, num_cpus=0) as cluster,
        joined(cluster, env) as bad,
        joined(cluster, env) as good,
        job_on(cluster.gcs_address, s3, slow.clip, tmp_path / "job", SLOW) as job,
    ):

        def is_found() -> bool:
            """Kill workers while they compute, as bad memory does; return whether the machine is excluded by now."""
            for worker in bad.workers():
                with suppress(psutil.NoSuchProcess):
                    if "ChunkWorker.make" in " ".join(worker.cmdline()):
                        worker.send_signal(signal.SIGKILL)
            return is_excluded(job, bad) or job.driver.poll() is not None

        until(is_found, "the bad machine is found")
        check_excluded(job, slow, bad, good)
