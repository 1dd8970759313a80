"""Observing a job on a real cluster: Prometheus's page during and after the run, and the timeline of the run."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from slomo_batch.report.metrics import METRICS
from tests.end_to_end.running import Job, cli, excerpt
from tests.real_cluster.autoscaling import _end, _free_port, _wait_until_ready
from tests.report.traces import check_slots, checked_trace, outermost, threads

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    address: str
    page: str
    """Address of the page that Prometheus reads."""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """`ray start --head`, as a person starts it who wants metrics, with CPUs for two workers and two tasks."""
    folder = Path(tempfile.mkdtemp(prefix="sb"))
    port, page = _free_port(), _free_port()
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1"]
    command += [f"--port={port}", f"--metrics-export-port={page}", f"--temp-dir={folder}", "--num-cpus=4"]
    command += ["--num-gpus=0", f"--object-store-memory={100 << 20}", "--include-dashboard=false"]
    try:
        with (folder / "head.log").open("w") as log:
            env = {**os.environ, **REPORTS, "OMP_NUM_THREADS": "1", "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}
            head = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        _wait_until_ready(head, folder / "head.log")
        yield Cluster(address=f"127.0.0.1:{port}", page=f"http://127.0.0.1:{page}/metrics")
    finally:
        _end(folder)
        with suppress(UnboundLocalError):
            head.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


REPORTS = {"RAY_metrics_report_interval_ms": "500"}
"""Environment of the cluster and the driver. By default processes report every ten seconds, longer than this job may
take on a fast machine."""
LINE = re.compile(r"^ray_slomo_batch_(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
TAG = re.compile(r'(\w+)="([^"]*)"')
OWN_TAGS = {"job", *(tag for metric in METRICS for tag in metric.tags)}


def scraped(page: str) -> dict[str, float]:
    """The job's metrics, like chunks{state=done}; Ray's own tags are left out."""
    with urllib.request.urlopen(page, timeout=30) as answer:
        text = answer.read().decode()
    values = {}
    for name, tags, value in LINE.findall(text):
        own = {tag: of for tag, of in TAG.findall(tags) if tag in OWN_TAGS}
        assert own.pop("job") == "job"
        values[name + "".join(f"{{{tag}={of}}}" for tag, of in sorted(own.items()))] = float(value)
    return values


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_a_job_is_seen_by_prometheus_and_leaves_its_timeline(tmp_path: Path) -> None:
    clip = excerpt("bikes", tmp_path / "bikes.mp4", num_frames=40, width=320, height=192)
    (tmp_path / "bad.mp4").write_bytes(b"not a video")
    with cluster() as ray:
        job = Job(tmp_path / "job").write(
            [str(clip), str(tmp_path / "bad.mp4")],
            retime={"slowdown": 8},
            chunks={"pairs": 1},
            encode={"preset": "ultrafast"},
            cluster={"address": ray.address, "workers": {"max": 2}, "gpus_per_worker": 0},
        )
        driver = job.begin("--log", str(tmp_path / "job.log"), env=REPORTS)
        try:
            until(lambda: scraped(ray.page).get("frames_total{kind=made}", 0) > 0, "frames are counted")
            during = scraped(ray.page)
            output, _ = driver.communicate(timeout=300)
        finally:
            driver.kill()
        assert driver.returncode == 1, output
        # The gauges of a driver that has ended disappear from the page after a while: keep the last of each.
        after = dict(during)
        until(lambda: after.update(scraped(ray.page)) or after["workers"] == 0, "the end is reported")
    judge_metrics(job, during, after)
    judge_timeline(job, tmp_path)


def judge_metrics(job: Job, during: dict[str, float], after: dict[str, float]) -> None:
    assert {name.partition("{")[0] for name in after} == {metric.name for metric in METRICS}
    assert during["workers"] >= 1
    assert during["videos{state=open}"] == 1
    chunks = {state: after[f"chunks{{state={state}}}"] for state in ("waiting", "ready", "running", "done", "failed")}
    assert chunks == {"waiting": 0, "ready": 0, "running": 0, "done": 40, "failed": 0}
    assert (after["videos{state=done}"], after["videos{state=failed}"]) == (1, 1)
    assert after["failed_attempts_total{error=SourceUnreadable}{step=open}"] == 1
    commits = job.commits()
    for kind in ("source", "made"):
        assert after[f"frames_total{{kind={kind}}}"] == sum(getattr(done.counts, kind) for done in commits)
    model = sum(done.seconds.model for done in commits)
    assert after["stage_seconds_total{stage=model}"] == pytest.approx(model, rel=1e-3)
    assert after["written_bytes_total{step=interpolate}"] >= sum(done.size_bytes for done in commits)
    assert after["written_bytes_total{step=stitch}"] >= job.receipts()["bikes"].size_bytes


def judge_timeline(job: Job, folder: Path) -> None:
    made = cli("timeline", str(job.manifest), "--out", str(folder / "trace.json"))
    assert made.returncode == 0, made.stderr
    events = checked_trace((folder / "trace.json").read_text())
    check_slots(events)
    names = [event["name"] for event in outermost(events) if event["ph"] == "X"]
    assert {f"chunk {number} of bikes.mp4" for number in range(40)} <= set(names)
    assert {f"{step} bikes.mp4" for step in ("open", "split", "stitch")} <= set(names)
    workers = {name for name in threads(events).values() if name.startswith("worker")}
    assert len(workers) == 2, "two workers, a slot each"
    instants = {event["name"] for event in events if event["ph"] == "i"}
    assert instants == {"SourceUnreadable", "given up bad.mp4", "published bikes.mp4"}
