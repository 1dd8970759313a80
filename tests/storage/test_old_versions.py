"""A bucket that keeps old versions for ever is named; where the store does not say, nothing is."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.commands.doctor import examine
from slomo_batch.storage.old_versions import NOTE, REMEDY, keeps_old_versions
from slomo_batch.uri import Uri
from tests.clips.catalogue import clip
from tests.end_to_end.running import Job
from tests.s3_server import S3Server, recording, refusing


@pytest.fixture
def client(s3: S3Server) -> Iterator[Any]:
    with closing(s3._client()) as opened:
        yield opened


@pytest.fixture
def versioned(s3: S3Server, client: Any) -> Uri:
    """A work place in a bucket with versions."""
    bucket = s3.make_bucket()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Uri(f"s3://{bucket}/work")


def expire(client: Any, bucket: str, status: str, action: str) -> None:
    """Give a bucket one lifecycle rule."""
    days = {"NoncurrentDays": 1} if action.startswith("Noncurrent") else {"Days": 9}
    rule = {"ID": "one", "Status": status, "Filter": {"Prefix": ""}, action: days}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


def test_a_bucket_without_versions_and_a_folder_keep_none(s3: S3Server, client: Any, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    assert not keeps_old_versions(Uri(f"s3://{bucket}/work"), s3.options())
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert not keeps_old_versions(Uri(f"s3://{bucket}/work"), s3.options())
    assert not keeps_old_versions(Uri(tmp_path), s3.options())


def test_a_bucket_keeps_versions_until_a_rule_expires_them(s3: S3Server, client: Any, versioned: Uri) -> None:
    assert keeps_old_versions(versioned, s3.options())
    expire(client, versioned.bucket, "Enabled", "Expiration")
    assert keeps_old_versions(versioned, s3.options())
    expire(client, versioned.bucket, "Disabled", "NoncurrentVersionExpiration")
    assert keeps_old_versions(versioned, s3.options())
    expire(client, versioned.bucket, "Enabled", "NoncurrentVersionExpiration")
    assert not keeps_old_versions(versioned, s3.options())


@pytest.mark.parametrize("denied", ["?versioning", "?lifecycle"])
def test_what_a_policy_denies_is_not_guessed(denied: str, s3: S3Server, versioned: Uri) -> None:
    with refusing(s3, denied) as closed:
        assert not keeps_old_versions(versioned, closed.options())


def test_the_owner_of_the_bucket_is_checked(s3: S3Server, versioned: Uri) -> None:
    with recording(s3) as (before, seen):
        keeps_old_versions(versioned, replace(before.options(), expected_bucket_owner="012345678901"))
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in seen} == {"012345678901"}


def test_a_run_says_so_at_its_start(s3: S3Server, versioned: Uri, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(clip("cfr").data)
    job = Job(tmp_path / "job").write(
        [str(tmp_path / "a.mp4")],
        work=str(versioned),
        interpolate={"method": "duplicate"},
        retime={"slowdown": 2},
        storage={"endpoint_url": s3.endpoint},
    )
    run = job.run("--json", env=s3.env())
    assert run.returncode == 0, run.stdout + run.stderr
    notes = [event["text"] for line in run.stdout.splitlines() if (event := json.loads(line))["event"] == "note"]
    assert f"the work place: {NOTE}. {REMEDY}" in notes


def test_doctor_warns_of_it(s3: S3Server, versioned: Uri, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.options().endpoint_url)
    [warning] = [one for one in examine((versioned,)) if one.level == "warning" and one.subject == "storage"]
    assert str(versioned) in warning.text
    assert warning.remedy == REMEDY
