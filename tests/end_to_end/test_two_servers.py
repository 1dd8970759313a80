"""One job on two S3 servers: inputs on one, the work place and outputs on another, which has another key."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.end_to_end.running import Job, cli, excerpt, frame_hashes
from tests.s3_clients import close_clients
from tests.s3_server import S3Server, serving

SECTIONS = {"encode": {"codec": "ffv1"}, "interpolate": {"method": "blend"}, "retime": {"slowdown": 2}}


@pytest.fixture(scope="module")
def studio() -> Iterator[S3Server]:
    """A second server, which does not know the key of the first."""
    with serving("studio") as server:
        yield server


@pytest.fixture
def profile(studio: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A profile with the key of the second server."""
    file = tmp_path / "credentials"
    key, secret = studio.access_key, studio.secret_key
    file.write_text(f"[studio]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    yield "studio"
    close_clients()


@pytest.fixture
def job(s3: S3Server, studio: S3Server, profile: str, tmp_path: Path) -> Job:
    """A job whose clip is on the first server, which the environment names."""
    footage, slow = s3.make_bucket(), studio.make_bucket()
    clip = excerpt("carphone_pristine", tmp_path / "clip.mp4", num_frames=8, width=176, height=144)
    open_store(StoreSpec(uri=Uri(f"s3://{footage}"), options=s3.options())).put_file("1992/clip.mp4", clip)
    return Job(tmp_path / "job", name=slow).write(
        [f"s3://{footage}/**/*.mp4"],
        **SECTIONS,
        chunks={"pairs": 4},
        output={"uri": f"s3://{slow}/slow/{{stem}}.mkv"},
        work=f"s3://{slow}/work",
        storage={"buckets": {slow: {"endpoint_url": studio.endpoint, "profile": profile}}},
    )


def slow_store(job: Job, studio: S3Server) -> ObjectStore:
    """The bucket of the second server, opened with its profile."""
    options = S3Options(endpoint_url=studio.endpoint, region="us-east-1", profile="studio")
    return open_store(StoreSpec(uri=Uri(f"s3://{job.name}"), options=options))


def test_a_job_reads_from_one_server_and_writes_to_another(
    job: Job, s3: S3Server, studio: S3Server, tmp_path: Path
) -> None:
    run = job.run(env=s3.env())
    assert run.returncode == 0, run.stdout + run.stderr
    store = slow_store(job, studio)
    store.get_file("slow/clip.mkv", tmp_path / "fetched.mkv")
    assert len(frame_hashes(tmp_path / "fetched.mkv")) == 16
    cleaned = cli("gc", str(job.manifest), "--delete", env=s3.env())
    assert cleaned.returncode == 0, cleaned.stderr
    assert not [found.key for found in store.list("work/") if "/videos/" in found.key]


@pytest.mark.slow
def test_doctor_tests_the_places_of_a_manifest_with_its_settings(job: Job, s3: S3Server) -> None:
    checked = cli("doctor", "--manifest", str(job.manifest), "--json", env=s3.env())
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = [finding for line in checked.stdout.splitlines() if (finding := json.loads(line))["subject"] == "storage"]
    assert [one["level"] for one in found] == ["ok"] * 3
    assert f"s3://{job.name}/work: can be written to" in found[0]["text"]
    assert f"s3://{job.name}/slow: can be written to" in found[1]["text"]
    assert "/**/*.mp4: can be read" in found[2]["text"]
    job.manifest.write_text(job.manifest.read_text().replace("profile: studio", "profile: nobody"))
    checked = cli("doctor", "--manifest", str(job.manifest), "--json", env=s3.env())
    assert checked.returncode == 3
    faults = [one for line in checked.stdout.splitlines() if (one := json.loads(line))["level"] == "fault"]
    assert len(faults) == 2
    assert all("nobody" in one["text"] for one in faults)


def test_a_profile_that_this_machine_lacks_is_named(job: Job, s3: S3Server) -> None:
    run = job.run("--set", f"storage.buckets.{job.name}.profile=nobody", env=s3.env())
    assert run.returncode == 3, run.stdout + run.stderr
    assert "nobody" in run.stderr
    assert "the AWS configuration cannot be used" in run.stderr
