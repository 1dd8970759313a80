"""Uploads of files to S3: in one request or in parts, and over which object."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slomo_batch.errors import AccessRefused, ObjectChanged, ObjectMissing
from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.s3_parts import PART_BYTES
from slomo_batch.storage.s3_upload import MAX_PARTS, MULTIPART_FROM_BYTES, Condition, part_size
from tests.s3_clients import open_s3
from tests.s3_server import S3Server, losing, recording, refusing

MIB = 1 << 20


def test_a_large_file_goes_in_parts_and_comes_out_the_same(
    s3: S3Server, prefix: str, big_file: Path, tmp_path: Path
) -> None:
    with recording(s3) as (front, seen):
        store = open_s3(prefix, front)
        store.put_file("big.mp4", big_file)
    parts = [request for request in seen if "partNumber=" in request.path]
    assert len(parts) == MULTIPART_FROM_BYTES // PART_BYTES + 1
    assert all({"content-md5", "x-amz-checksum-crc32"} <= part.headers.keys() for part in parts)
    assert not any("if-none-match" in request.headers for request in seen)
    store = open_s3(prefix, s3)
    info = store.head("big.mp4")
    assert info.size_bytes == big_file.stat().st_size
    assert [info] == list(store.list())
    with recording(s3) as (front, seen):
        open_s3(prefix, front).get_file("big.mp4", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == big_file.read_bytes()
    ranges = {f"bytes={start}-{start + PART_BYTES - 1}" for start in range(0, MULTIPART_FROM_BYTES, PART_BYTES)}
    assert {(request.method, request.headers["range"]) for request in seen} >= {("GET", each) for each in ranges}
    assert len(seen) == len(ranges) + 1
    assert sum(request.headers.get("if-match") == f'"{info.fingerprint}"' for request in seen) == len(ranges)
    assert store.get_range("big.mp4", 20 * MIB - 1, 20 * MIB + 1, fingerprint=info.fingerprint)


def test_an_upload_whose_own_bytes_are_there_already_has_succeeded(
    s3: S3Server, prefix: str, big_file: Path, tmp_path: Path
) -> None:
    """Its answer was lost, or another attempt was faster."""
    store = open_s3(prefix, s3)
    (tmp_path / "small").write_bytes(b"made")
    (tmp_path / "other").write_bytes(b"late")
    for key, file in (("small.mp4", tmp_path / "small"), ("big.mp4", big_file)):
        for _ in range(2):
            store.put_file(key, file, over="")
        assert store.head(key).size_bytes == file.stat().st_size
    with pytest.raises(ObjectChanged):
        store.put_file("small.mp4", tmp_path / "other", over="")
    with losing(s3, 1) as deaf:
        open_s3(prefix, deaf).put_file("lost.mp4", tmp_path / "small", over="")
    assert store.get("lost.mp4") == b"made"


@pytest.mark.parametrize("over", ["", "0123"])
def test_a_large_upload_replaces_no_object_but_the_one_that_was_seen(
    s3: S3Server, prefix: str, big_file: Path, over: str
) -> None:
    store = open_s3(prefix, s3)
    store.put("big.mp4", b"another's")
    with pytest.raises(ObjectChanged):
        store.put_file("big.mp4", big_file, over=over)
    assert store.get("big.mp4") == b"another's"
    store.put_file("big.mp4", big_file, over=store.head("big.mp4").fingerprint)
    assert store.head("big.mp4").size_bytes == big_file.stat().st_size


@pytest.mark.parametrize("code", ["NotImplemented", "InvalidArgument", "AccessDenied"])
def test_a_server_without_that_condition_gets_the_upload_without_it(code: str) -> None:
    sent: list[dict[str, str]] = []

    def request(**condition: str) -> None:
        sent.append(condition)
        if condition:
            raise ClientError({"Error": {"Code": code}}, "PutObject")

    if code == "AccessDenied":
        with pytest.raises(ClientError):
            Condition("0123").send(request, lambda: False)
        assert sent == [{"IfMatch": '"0123"'}]
    else:
        Condition("").send(request, lambda: False)
        assert sent == [{"IfNoneMatch": "*"}, {}]


def test_a_failed_upload_leaves_no_object_and_no_parts(s3: S3Server, big_file: Path) -> None:
    bucket = s3.make_bucket()
    client: Any = s3_client(S3Options(endpoint_url=s3.endpoint, region="us-east-1"), bucket)
    another = client.create_multipart_upload(Bucket=bucket, Key="big.mp4")["UploadId"]
    with refusing(s3, "partNumber=3") as closed, pytest.raises(AccessRefused, match=f"s3://{bucket}/big.mp4"):
        open_s3(f"s3://{bucket}", closed).put_file("big.mp4", big_file)
    assert list(open_s3(f"s3://{bucket}", s3).list()) == []
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [upload["UploadId"] for upload in uploads] == [another]


def test_a_file_that_is_not_there_is_named(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match=str(tmp_path / "nothing")):
        open_s3(prefix, s3).put_file("a", tmp_path / "nothing")


@pytest.mark.parametrize("size_bytes", [1, 65 * MIB, 160_000 * MIB, 5 * 1024 * 1024 * MIB])
def test_no_file_needs_too_many_parts(size_bytes: int) -> None:
    size = part_size(size_bytes)
    assert PART_BYTES <= size <= 5 * 1024 * MIB
    assert -(-size_bytes // size) <= MAX_PARTS


def test_videos_are_stored_as_videos(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    with recording(s3) as (front, seen):
        store = open_s3(prefix, front)
        store.put_file("a.MP4", tmp_path / "a")
        store.put("a.json", b"{}")
    assert [request.headers["content-type"] for request in seen if request.method == "PUT"] == [
        "video/mp4",
        "application/json",
    ]
