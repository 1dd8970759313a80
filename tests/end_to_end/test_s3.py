"""The same job with everything on S3: a real server, inputs, work and outputs all s3://."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from slomo_batch.records.results import Published
from slomo_batch.report.ledger import read_ledger
from slomo_batch.serialization import from_json
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.end_to_end.running import Job, cli, excerpt, frame_hashes
from tests.s3_server import S3Server, cutting, losing, recording, refusing, without_put_if_absent

SECTIONS = {"encode": {"codec": "ffv1"}, "interpolate": {"method": "blend"}, "retime": {"slowdown": 2}}


@dataclass(frozen=True)
class Archive:
    """A bucket with a clip in a folder of it, and the job that slows it down."""

    store: ObjectStore
    job: Job
    env: Mapping[str, str]

    def receipts(self) -> list[Published]:
        keys = [found.key for found in self.store.list(f"work/{Layout(self.job.name).receipts}")]
        return [from_json(Published, self.store.get(key)) for key in keys]


@pytest.fixture
def archive(s3: S3Server, tmp_path: Path) -> Archive:
    return archive_in(tmp_path, s3)


@pytest.fixture(scope="module")
def finished(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """One whose job has run. Its tests change nothing."""
    made = archive_in(tmp_path_factory.mktemp("finished"), s3)
    run = made.job.run(env=made.env)
    assert run.returncode == 0, run.stdout + run.stderr
    return made


def archive_in(tmp_path: Path, s3: S3Server) -> Archive:
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    clip = excerpt("carphone_pristine", tmp_path / "clip.mp4", num_frames=20, width=176, height=144)
    store.put_file("archive/1992/clip.mp4", clip)
    store.put("archive/1992/notes.txt", b"not a video")
    job = Job(tmp_path / "s3").write(
        [f"s3://{bucket}/archive/**/*.mp4"],
        **SECTIONS,
        chunks={"pairs": 5},
        output={"uri": f"s3://{bucket}/slow/{{relpath}}/{{stem}}.mkv"},
        work=f"s3://{bucket}/work",
    )
    return Archive(store=store, job=job, env=s3.env())


def test_a_job_on_s3_makes_the_frames_that_it_makes_on_disk(finished: Archive, tmp_path: Path) -> None:
    finished.store.get_file("archive/1992/clip.mp4", tmp_path / "clip.mp4")
    local = Job(tmp_path / "local").write([str(tmp_path / "clip.mp4")], **SECTIONS, chunks={"pairs": 50})
    assert local.run().returncode == 0
    [published] = finished.receipts()
    assert published.output_uri.endswith("/slow/1992/clip.mkv")
    assert published.frames_sha256 == local.receipts()["clip"].frames_sha256
    finished.store.get_file("slow/1992/clip.mkv", tmp_path / "fetched.mkv")
    assert frame_hashes(tmp_path / "fetched.mkv") == frame_hashes(tmp_path / "local/out/clip.mkv")


def test_a_finished_job_makes_nothing(finished: Archive) -> None:
    again = finished.job.run("--json", env=finished.env)
    assert again.returncode == 0, again.stdout + again.stderr
    ended = json.loads(again.stdout.splitlines()[-1])
    assert (ended["videos_published"], ended["videos_skipped"]) == (0, 1)


def test_chunks_and_segments_are_deleted_once_the_output_exists(finished: Archive) -> None:
    kept = [found.key for found in finished.store.list("work/")]
    assert not [key for key in kept if "/chunks/" in key or "/segments/" in key or "probes" in key]
    assert [key for key in kept if "/commits/" in key]


def test_wrong_credentials_are_refused_before_any_work(archive: Archive) -> None:
    run = archive.job.run(env={**archive.env, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert run.returncode == 3, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert "wrong" not in run.stdout + run.stderr
    assert not list(archive.store.list("work/"))


def test_a_missing_bucket_is_refused_before_any_work(archive: Archive) -> None:
    run = archive.job.run("--set", "work=s3://no-such-bucket-here/work", env=archive.env)
    assert run.returncode == 3, run.stdout + run.stderr
    assert "no-such-bucket-here" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_store_that_ignores_put_if_absent_is_refused_before_any_work(archive: Archive, s3: S3Server) -> None:
    with without_put_if_absent(s3) as deaf:
        run = archive.job.run(env=deaf.env())
    assert run.returncode == 3, run.stdout + run.stderr
    assert "put-if-absent" in run.stderr
    assert not [found for found in archive.store.list("work/") if "/videos/" in found.key]


def test_exists_fail_keeps_the_output_of_a_changed_source(archive: Archive, tmp_path: Path) -> None:
    planned = archive.job.run("--set", "interpolate.method=duplicate", env=archive.env)
    assert planned.returncode == 0
    other = excerpt("bikes", tmp_path / "other.mp4", num_frames=20, width=176, height=144)
    archive.store.put_file("archive/1992/clip.mp4", other)
    sets = ("--set", "interpolate.method=duplicate", "--set", "output.exists=fail")
    again = archive.job.run(*sets, env=archive.env)
    assert again.returncode == 1, "the output exists, and was made from another source"
    assert "OutputExists" in again.stdout or "already exists" in again.stdout + again.stderr


def test_lost_or_truncated_responses_change_nothing(archive: Archive, s3: S3Server, tmp_path: Path) -> None:
    with losing(s3, 3) as lossy:
        interrupted = archive.job.run(env=lossy.env())
    assert interrupted.returncode == 0, interrupted.stdout + interrupted.stderr
    [published] = archive.receipts()
    local = Job(tmp_path / "local").write([str(tmp_path / "clip.mp4")], **SECTIONS)
    assert local.run().returncode == 0
    assert published.frames_sha256 == local.receipts()["clip"].frames_sha256
    again = archive.job.run("--set", "name=cut", "--set", "output.exists=replace", env=archive.env)
    assert again.returncode == 0, again.stdout + again.stderr


def test_reads_of_sources_continue_after_truncated_bodies(s3: S3Server, archive: Archive) -> None:
    with cutting(s3, 4) as breaking:
        run = archive.job.run(env=breaking.env())
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(archive.receipts()) == 1


def test_a_finished_archive_costs_listings_and_no_request_per_video(archive: Archive, s3: S3Server) -> None:
    clip = archive.store.get("archive/1992/clip.mp4")
    for number in range(6):
        archive.store.put(f"archive/1993/{number}.mp4", clip)
    assert archive.job.run(env=archive.env).returncode == 0
    assert len(archive.receipts()) == 7
    with recording(s3) as (before, seen):
        again = archive.job.run(env=before.env())
    assert again.returncode == 0, again.stdout + again.stderr
    asked = [request.path for request in seen if request.method in {"HEAD", "GET"} and "list-type" not in request.path]
    assert not [path for path in asked if "/receipts/" in path or (".mp4" in path and "%2A" not in path)]


def test_credentials_are_in_no_object_and_no_output_of_a_job(archive: Archive, s3: S3Server, tmp_path: Path) -> None:
    log, trace = tmp_path / "run.log", tmp_path / "trace.json"
    archive.store.put("archive/1992/bad.mp4", b"not a video")
    said = [archive.job.run("--log", str(log), env=archive.env), archive.job.run("--json", env=archive.env)]
    with refusing(s3, "/slow/") as closed:
        said.append(archive.job.run("--set", "name=closed", "--log", str(log), env=closed.env()))
    said.append(cli("timeline", str(archive.job.manifest), "--out", str(trace), env=archive.env))
    assert [run.returncode for run in said] == [1, 1, 3, 0]
    assert '"event": "job_failed"' in log.read_text()
    keys = [found.key for found in archive.store.list("work/")]
    assert any("ledger" in key for key in keys)
    left = [
        str(read_ledger([archive.store.get(key)]).to_pylist()).encode()
        if key.endswith(".parquet")
        else archive.store.get(key)
        for key in keys
    ]
    for secret in (s3.access_key, s3.secret_key):
        assert not any(secret in run.stdout + run.stderr for run in said)
        assert not any(secret.encode() in data for data in (*left, log.read_bytes(), trace.read_bytes()))
