"""gc finds the objects that a job no longer needs, and deletes them only with --delete; it keeps the others."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.running import Job, cli, endless, excerpt, kill

QUICK = {"interpolate": {"method": "blend"}, "encode": {"preset": "ultrafast"}, "retime": {"slowdown": 2}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return excerpt("bikes", tmp_path_factory.mktemp("source") / "clip.mp4", num_frames=24, width=160, height=96)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_gc_of_a_finished_job_keeps_its_records_and_the_job_stays_finished(source: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(source)], **QUICK, chunks={"pairs": 5})
    assert job.run().returncode == 0
    output, before = job.outputs / "clip.mkv", files(tmp_path)
    looked = cli("gc", str(job.manifest), "--json")
    assert looked.returncode == 0, looked.stderr
    assert "published videos" in {json.loads(line)["kind"] for line in looked.stdout.splitlines()}
    assert files(tmp_path) == before, "looking deletes nothing"
    assert cli("gc", str(job.manifest), "--delete").returncode == 0
    gone = before - files(tmp_path)
    assert gone
    assert all(job.work in path.parents for path in gone)
    assert not list((job.work / "videos").rglob("*.json"))
    assert list((job.work / "receipts").glob("*.json"))
    assert list((job.work / "ledger").glob("*.parquet"))
    again = job.run("--json")
    assert json.loads(again.stdout.splitlines()[-1])["videos_skipped"] == 1
    output.unlink()
    assert job.run().returncode == 0
    assert output.stat().st_size > 0


def test_an_interrupted_job_keeps_the_objects_it_needs(tmp_path: Path) -> None:
    job = endless(tmp_path)
    driver = job.begin()
    job.wait_for_commits(1)
    running = cli("gc", str(job.manifest), "--delete")
    assert running.returncode == 3
    assert "is running this job" in running.stderr
    kill(driver)
    committed = {done.chunk_id: done.attempt for done in job.commits()}
    orphan = next((job.work / "videos").glob("*")) / "segments" / "lost" / "attempt.nut"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"what a dead attempt left")
    swept = cli("gc", str(job.manifest), "--delete")
    assert swept.returncode == 0, swept.stderr
    assert not orphan.exists()
    assert all((job.folder / "work" / done.segment_key).exists() for done in job.commits())
    resumed = job.begin()
    job.wait_for_commits(len(committed) + 2)
    kill(resumed)
    assert committed.items() <= {done.chunk_id: done.attempt for done in job.commits()}.items()
