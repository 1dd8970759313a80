"""Whole jobs on a faulty S3: the frames of an undisturbed run, or an error with the reason."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.results import Published
from slomo_batch.serialization import file_sha256, from_json
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.end_to_end.running import Job, excerpt, frame_hashes
from tests.s3_server import S3Server
from tests.s3_weather import FAIR, PASSING, Fault, Weather, weathered

pytestmark = pytest.mark.timeout(1500)

SECTIONS: Mapping[str, Any] = {
    "encode": {"codec": "ffv1"},
    "interpolate": {"method": "blend"},
    "retime": {"slowdown": 2},
}


@dataclass(frozen=True)
class Archive:
    """A bucket with a clip in it, the job that slows it down, and its undisturbed output."""

    store: ObjectStore
    job: Job
    quiet: Published
    quiet_frames: list[str]

    def named(self, name: str) -> "Archive":
        """The same archive and job under another name: separate work place and output."""
        bucket = self.store.root
        job = Job(self.job.folder / name, name).write(
            [f"{bucket}/archive/*.mp4"],
            **SECTIONS,
            chunks={"pairs": 2},
            output={"uri": f"{bucket}/{name}/{{stem}}.mkv"},
            work=f"{bucket}/work",
        )
        return replace(self, job=job)

    def receipts(self) -> list[Published]:
        keys = [found.key for found in self.store.list(f"work/{Layout(self.job.name).receipts}")]
        return [from_json(Published, self.store.get(key)) for key in keys]

    def commits(self) -> dict[str, str]:
        """The attempt that made each committed chunk."""
        videos = Layout(self.job.name).videos
        keys = [found.key for found in self.store.list(f"work/{videos}") if "/commits/" in found.key]
        done = [from_json(ChunkDone, self.store.get(key)) for key in keys]
        return {one.chunk_id: one.attempt for one in done}

    def expect_what_a_quiet_day_makes(self, folder: Path) -> None:
        [published] = self.receipts()
        self.store.get_file(f"{self.job.name}/clip.mkv", folder / "fetched.mkv")
        assert published.frames_sha256 == self.quiet.frames_sha256
        assert published.sha256 == file_sha256(folder / "fetched.mkv") == self.quiet.sha256
        assert frame_hashes(folder / "fetched.mkv") == self.quiet_frames


@pytest.fixture(scope="module")
def archive(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("archive")
    clip = excerpt("carphone_pristine", folder / "clip.mp4", num_frames=20, width=176, height=144)
    local = Job(folder / "quiet").write([str(clip)], **SECTIONS, chunks={"pairs": 2})
    quiet = local.run()
    assert quiet.returncode == 0, quiet.stdout + quiet.stderr
    store = open_store(StoreSpec(uri=Uri(f"s3://{s3.make_bucket()}"), options=s3.options()))
    store.put_file("archive/clip.mp4", clip)
    return Archive(
        store=store,
        job=local,
        quiet=local.receipts()["clip"],
        quiet_frames=frame_hashes(local.outputs / "clip.mkv"),
    )


def test_a_job_survives_a_fault_of_every_kind(archive: Archive, s3: S3Server, tmp_path: Path) -> None:
    job = archive.named("storm")
    faults: dict[Fault, int] = {fault: 2 for fault in PASSING if fault is not Fault.SILENT}
    with weathered(s3, Weather(faults=faults, share=0.12, seed=7)) as storm:
        run = job.job.run(env=storm.server.env())
        assert run.returncode == 0, run.stdout + run.stderr
        assert storm.injected.keys() == faults.keys()
    job.expect_what_a_quiet_day_makes(tmp_path)


@pytest.mark.slow
def test_a_store_that_answers_nobody_pauses_the_job_and_costs_no_video(
    archive: Archive, s3: S3Server, tmp_path: Path
) -> None:
    job = archive.named("outage")
    log = tmp_path / "log"
    with weathered(s3) as storm:
        driver = job.job.begin("--log", str(log), env=storm.server.env())
        wait_for(lambda: log.exists() and "job_started" in log.read_text())
        storm.change(Weather(faults={Fault.THROTTLED: 100_000}))
        wait_for(lambda: "job_paused" in log.read_text())
        storm.change(FAIR)
        output, _ = driver.communicate(timeout=600)
    assert driver.returncode == 0, output
    assert re.search(r"paused     since \d\d:\d\d:\d\d UTC: ", output)
    assert "SlowDown" in output
    assert "continues  the store answers again after" in output
    assert "FAILED" not in output
    job.expect_what_a_quiet_day_makes(tmp_path)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
def test_a_job_ends_correctly_or_with_a_reason_at_any_rate_of_faults(
    seed: int, archive: Archive, s3: S3Server, tmp_path: Path
) -> None:
    job = archive.named(f"thick-{seed}")
    faults = {**dict.fromkeys(PASSING, 5), Fault.SILENT: 1}
    with weathered(s3, Weather(faults=faults, share=0.2 + 0.2 * seed, seed=seed)) as storm:
        run = job.job.run("--retry-failed", env=storm.server.env())
        assert run.returncode in {0, 1, 3}, run.stdout + run.stderr
        assert "Traceback" not in run.stdout + run.stderr
        assert "ProgramFault" not in run.stdout + run.stderr
    if run.returncode:
        mended = job.job.run("--retry-failed", env=s3.env())
        assert mended.returncode == 0, mended.stdout + mended.stderr
    job.expect_what_a_quiet_day_makes(tmp_path)


@pytest.mark.chaos
def test_credentials_that_expire_during_a_job_stop_it_with_a_reason_and_lose_nothing(
    archive: Archive, s3: S3Server, tmp_path: Path
) -> None:
    job = archive.named("expired")
    with weathered(s3) as storm:
        driver = job.job.begin(env=storm.server.env())
        wait_for(job.commits)
        storm.change(Weather(faults={Fault.EXPIRED: 10_000}))
        output, _ = driver.communicate(timeout=600)
    assert driver.returncode == 3, output
    assert "does not accept the credentials" in output
    assert "renew" in output
    assert "Traceback" not in output
    committed = job.commits()
    assert committed
    renewed = job.job.run(env=s3.env())
    assert renewed.returncode == 0, renewed.stdout + renewed.stderr
    assert committed.items() <= job.commits().items()
    job.expect_what_a_quiet_day_makes(tmp_path)


def wait_for(sign: Callable[[], object]) -> None:
    deadline = time.monotonic() + 600
    while not sign():
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.1)
