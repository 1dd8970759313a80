"""Jobs are submitted, watched, joined, refused, cancelled and resumed through Ray's job API, as the docs say."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from ray.job_submission import JobSubmissionClient

from tests.end_to_end.running import Job, excerpt
from tests.real_cluster.autoscaling import processes_of
from tests.real_cluster.job_cluster import NUM_CPUS, JobCluster, job_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
MARKER = "marked7f3aSECRETe2c9"
SUBMITTER = {"AWS_ACCESS_KEY_ID": "AKIAMARKED7F3A", "AWS_SECRET_ACCESS_KEY": MARKER, "AWS_SESSION_TOKEN": MARKER}
QUICK = {"interpolate": {"method": "blend"}, "chunks": {"pairs": 8}, "cluster": {"address": "auto"}}
WITHIN_S = 600


@pytest.fixture(scope="module")
def cluster() -> Iterator[JobCluster]:
    with job_cluster({}) as started:
        yield started


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return excerpt("bikes", tmp_path_factory.mktemp("clip") / "bikes.mp4", num_frames=40, width=320, height=192)


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with AWS credentials in the environment, and wait for its end."""
    with begin(*arguments, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate(timeout=WITHIN_S)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def begin(*arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.STDOUT) -> subprocess.Popen[str]:
    """Start the same without waiting."""
    return subprocess.Popen(
        [sys.executable, "-m", "slomo_batch", *arguments],
        stdout=stdout,
        stderr=stderr,
        text=True,
        env={**os.environ, **SUBMITTER},
    )


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@contextmanager
def no_room(cluster: JobCluster, folder: Path) -> Iterator[None]:
    """Hold all CPUs, so that a run continues without results."""
    held, free = folder / "held", folder / "free"
    code = f"""
import pathlib, time, ray
ray.init({cluster.gcs_address!r}, log_to_driver=False)
@ray.remote(num_cpus={NUM_CPUS})
def hold():
    pathlib.Path({str(held)!r}).touch()
    while not pathlib.Path({str(free)!r}).exists():
        time.sleep(0.1)
ray.get(hold.remote())
"""
    holder = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "RAY_AUTH_MODE": "disabled"})
    try:
        until(held.exists, "the CPUs are taken")
        yield
    finally:
        free.touch()
        holder.wait(60)


def test_a_submitted_job_is_shown_as_a_local_one_and_published(cluster: JobCluster, clip: Path, tmp_path: Path) -> None:
    job = Job(tmp_path, name="quick").write([str(clip)], **QUICK)
    done = ask("submit", str(job.manifest), "--address", cluster.address, "--follow")
    assert done.returncode == 0, done.stderr
    assert "submitted quick-" in done.stderr
    local = Job(tmp_path / "local", name="quick").write([str(clip)], **{**QUICK, "cluster": {"address": "inline"}})
    assert local.run().returncode == 0
    assert job.receipts()["bikes"].frames_sha256 == local.receipts()["bikes"].frames_sha256
    shown = done.stdout.splitlines()
    assert f"quick: 1 video; work in {tmp_path}/work" in shown
    assert f"published  {job.outputs}/bikes.mkv" in done.stdout
    assert any(line.startswith("1 video published; ") for line in shown[-2:]), "the report may follow"
    again = ask("submit", str(job.manifest), "--address", cluster.address, "--follow", "--json")
    assert again.returncode == 0
    assert "-2\n" in again.stderr
    events = [json.loads(line) for line in again.stdout.splitlines()]
    names = [event["event"] for event in events if event["event"] != "activity"]
    assert (names[0], names[-1]) == ("job_started", "job_ended")
    assert events[-1]["videos_skipped"] == 1
    logged = ask("logs", "quick", "--address", cluster.address, "--json")
    assert logged.stdout.splitlines() == again.stdout.splitlines()
    tail = ask("logs", "quick", "--address", cluster.address, "--json", "--tail", "3", "--follow")
    assert tail.stdout.splitlines() == logged.stdout.splitlines()[-3:]
    assert tail.returncode == 0


def test_a_run_is_joined_by_the_same_job_refused_to_others_and_cancelled(
    cluster: JobCluster, clip: Path, tmp_path: Path
) -> None:
    job = Job(tmp_path, name="held").write([str(clip)], **QUICK)
    here = ("--address", cluster.address)
    with no_room(cluster, tmp_path):
        racing = [begin("submit", str(job.manifest), *here) for _ in range(2)]
        outputs = [process.communicate(timeout=WITHIN_S)[0] for process in racing]
        ids = {line for lines in outputs for line in lines.splitlines() if line.startswith("held-")}
        assert len(ids) == 1, outputs
        assert sorted("submitted to" in lines for lines in outputs) == [False, True]
        watching = begin("submit", str(job.manifest), *here, "--follow")
        other = ask("submit", str(job.manifest), *here, "--set", "encode.quality=20")
        assert other.returncode == 3
        assert "other settings" in other.stderr
        asked_to_stop = ask("cancel", str(job.manifest), *here, "--wait")
        assert asked_to_stop.returncode == 0
        assert "stopped" in asked_to_stop.stderr.splitlines()[-1]
        output, _ = watching.communicate(timeout=WITHIN_S)
        assert watching.returncode == 130, output
    assert ask("cancel", "held", *here).returncode == 0
    assert ask("cancel", "hold", *here).returncode == 2
    resumed = ask("run", str(job.manifest), "--set", f"cluster.address={cluster.client_address}")
    assert resumed.returncode == 0, resumed.stderr
    assert f"submitted {ids.pop().removesuffix('1')}2\n" in resumed.stderr
    assert "published" in resumed.stdout
    assert "published" in ask("logs", "held", *here).stdout


def test_a_cancelled_run_finishes_its_running_chunks_and_the_next_makes_the_rest(
    cluster: JobCluster, clip: Path, tmp_path: Path
) -> None:
    job = Job(tmp_path, name="long").write([str(clip)], chunks={"pairs": 1}, cluster={"address": cluster.address})
    first = begin("run", str(job.manifest))
    until(lambda: len(job.commits()) >= 2, "chunks are made")
    assert ask("cancel", str(job.manifest), "--wait").returncode == 0
    output, _ = first.communicate(timeout=WITHIN_S)
    assert first.returncode == 130, output
    assert "interrupted: 0 videos published" in output
    before = {commit.chunk_id: commit.attempt for commit in job.commits()}
    assert ask("run", str(job.manifest)).returncode == 0
    after = {commit.chunk_id: commit.attempt for commit in job.commits()}
    assert before.items() <= after.items()
    assert len(before) < len(after)


def test_exit_codes_are_passed_on(cluster: JobCluster, clip: Path, tmp_path: Path) -> None:
    here = ("--address", cluster.address, "--follow")
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(clip.read_bytes()[:2000])
    some = Job(tmp_path / "some", name="some-fail").write([str(clip), str(damaged)], **QUICK)
    failed = ask("submit", str(some.manifest), *here)
    assert failed.returncode == 1, failed.stderr
    assert f"FAILED     {damaged}" in failed.stdout
    nothing = Job(tmp_path / "nothing", name="nothing").write([f"{tmp_path}/none/*.mp4"], **QUICK)
    wrong = ask("submit", str(nothing.manifest), *here)
    assert wrong.returncode == 2
    assert "no videos found" in wrong.stderr
    faulty = ask("submit", str(nothing.manifest), *here, "--set", "encode.codec=h246")
    assert faulty.returncode == 2
    assert "submitted" not in faulty.stderr


def test_a_killed_run_is_reported_and_resumed(cluster: JobCluster, clip: Path, tmp_path: Path) -> None:
    job = Job(tmp_path, name="killed").write([str(clip)], **QUICK)
    here = ("--address", cluster.address, "--follow")
    with no_room(cluster, tmp_path):
        run = begin("submit", str(job.manifest), *here)
        until(lambda: driver_of(cluster, "killed") is not None, "the run begins")
        driver = driver_of(cluster, "killed")
        assert driver is not None
        driver.send_signal(signal.SIGKILL)
        output, _ = run.communicate(timeout=WITHIN_S)
    assert run.returncode == 3, output
    assert "signal 9" in output
    assert ask("submit", str(job.manifest), *here).returncode == 0


def driver_of(cluster: JobCluster, job: str) -> psutil.Process | None:
    """The process of a run that has taken the job's lease, found by its current folder."""
    for process in processes_of(cluster.folder):
        try:
            if "--require-version" in process.cmdline() and f"{job}-" in process.environ().get(
                "RAY_JOB_CONFIG_JSON_ENV_VAR", ""
            ):
                return process
        except psutil.Error:
            continue
    return None


def test_credentials_of_the_submitter_are_stored_nowhere(cluster: JobCluster, clip: Path, tmp_path: Path) -> None:
    job = Job(tmp_path, name="secrets").write([str(clip)], **QUICK)
    assert ask("submit", str(job.manifest), "--address", cluster.address, "--follow").returncode == 0
    known = JobSubmissionClient(cluster.address).list_jobs()
    assert any(details.submission_id.startswith("secrets-") for details in known if details.submission_id)
    places = [cluster.folder, tmp_path]
    written = {path: path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    assert any("job-driver-secrets-" in path.name for path in written)
    assert any(path.suffix == ".parquet" for path in written)
    for secret in (MARKER, SUBMITTER["AWS_ACCESS_KEY_ID"]):
        assert [details.submission_id for details in known if secret in str(details)] == []
        assert [str(path) for path, data in written.items() if secret.encode() in data] == []
