"""Machines are killed, frozen or announced to leave during chunks: the output is the same."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from tests.imds_server import Imds, imds_serving
from tests.real_cluster.autoscaling import AutoscalingCluster, Node, processes_of
from tests.real_cluster.conftest import Quiet
from tests.real_cluster.jobs import RunningJob, cluster_and_job, until
from tests.s3_server import S3Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_watch_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    end(processes_of(tmp_path))


def end(processes: Iterable[psutil.Process]) -> None:
    """Some processes of a frozen machine no longer have the cluster's folder in their name."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def in_mid_chunk(cluster: AutoscalingCluster, job: RunningJob) -> Node:
    """A machine whose worker made a chunk, and therefore holds others. One that is starting may hold none yet."""

    def found() -> list[Node]:
        busy = {event["stint"]["process"] for event in job.events("chunk_finished") if event["stint"]}
        return [node for node in cluster.nodes() if busy & {process.pid for process in node.workers()}]

    until(found, "a worker made a chunk")
    return found()[0]


def test_a_killed_machine_costs_only_its_chunks(s3: S3Server, quiet: Quiet, tmp_path: Path) -> None:
    with cluster_and_job(s3, quiet.clip, tmp_path) as (cluster, job):
        in_mid_chunk(cluster, job).signal(signal.SIGKILL)
        assert job.finish().frames_sha256 == quiet.frames_sha256
        assert job.lost()


def test_a_frozen_machine_is_detected_and_its_chunks_run_elsewhere(s3: S3Server, quiet: Quiet, tmp_path: Path) -> None:
    with cluster_and_job(s3, quiet.clip, tmp_path) as (cluster, job):
        node = in_mid_chunk(cluster, job)
        frozen = node.processes()
        node.signal(signal.SIGSTOP)
        assert job.finish().frames_sha256 == quiet.frames_sha256
        assert job.lost()
        end(frozen)


def test_a_worker_that_dies_on_a_good_machine_isolates_its_chunk(s3: S3Server, quiet: Quiet, tmp_path: Path) -> None:
    with cluster_and_job(s3, quiet.clip, tmp_path) as (cluster, job):
        in_mid_chunk(cluster, job).kill_worker()
        assert job.finish().frames_sha256 == quiet.frames_sha256
        assert job.lost()


# ---- announced -----------------------------------------------------------------------------------------------------


def spot_watch(cluster: AutoscalingCluster, node: Node, imds: Imds, home: Path) -> None:
    """Run the command of cluster.yaml on that machine; it keeps running."""
    commands = yaml.safe_load((ROOT / "cluster.yaml").read_text())["worker_start_ray_commands"]
    [command] = [command for command in commands if "spot-watch" in command]
    host, port = cluster.address.split(":")
    command = command.replace(":6379", f":{port} --node-id={node.node_id}").replace("MODE=token", "MODE=disabled")
    home.mkdir()
    (home / "slomo").symlink_to(ROOT / ".venv")
    env = {**os.environ, **imds.env(), "HOME": str(home), "RAY_HEAD_IP": host}
    subprocess.run(["bash", "-c", f"({command})"], env=env, check=True, timeout=60)
    until(lambda: "spot/instance-action" in imds.asked, f"the watch is kept: {shlex.quote(command)}")


def test_a_machine_with_an_interruption_notice_returns_what_it_cannot_finish(
    s3: S3Server, quiet: Quiet, tmp_path: Path
) -> None:
    with imds_serving() as imds, cluster_and_job(s3, quiet.clip, tmp_path) as (cluster, job):
        node = in_mid_chunk(cluster, job)
        spot_watch(cluster, node, imds, tmp_path / "home")
        held = node.workers()
        signal_all(held, signal.SIGSTOP)  # what it holds is surely not done in time
        at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="seconds")
        imds.items["spot/instance-action"] = f'{{"action": "terminate", "time": "{at}"}}'
        until(job.lost, "its chunks are taken back")
        signal_all(held, signal.SIGCONT)
        until(lambda: node not in cluster.nodes_with_a_worker(), "the machine is rid of its worker")
        assert job.finish().frames_sha256 == quiet.frames_sha256
        assert all("taken back" in reason for reason in job.lost())


def test_a_machine_with_a_rebalance_notice_finishes_its_chunks(s3: S3Server, quiet: Quiet, tmp_path: Path) -> None:
    with imds_serving() as imds, cluster_and_job(s3, quiet.clip, tmp_path) as (cluster, job):
        node = in_mid_chunk(cluster, job)
        spot_watch(cluster, node, imds, tmp_path / "home")
        imds.items["events/recommendations/rebalance"] = '{"noticeTime": "2027-01-31T08:22:00Z"}'
        until(lambda: node not in cluster.nodes(), "the machine is empty, and goes")
        assert job.driver.poll() is None, "the job was to be running still"
        assert job.finish().frames_sha256 == quiet.frames_sha256
        assert not job.lost()
