"""What a writer leaves that was killed in the midst of it: found by its record, shown, and deleted; no other's ever."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Never
from uuid import uuid4

import pytest

from slomo_batch.commands import status
from slomo_batch.errors import AccessRefused
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.steps.upload_records import RecordedUploads
from slomo_batch.storage import s3, s3_parts, s3_upload
from slomo_batch.storage.final_names import rename
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.store import Upload
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from slomo_batch.wiring import environment_of, open_context
from tests.s3_server import S3Server, refusing

MIB = 1 << 20
PART = 5 * MIB
"""The least that S3 takes for a part that is not the last."""
UNFINISHED, WRITERS = "uploads that were not finished", "files that killed writers left"


def manifest(root: str, server: S3Server | None = None) -> Manifest:
    storage = f"storage: {{endpoint_url: '{server.endpoint}', addressing_style: path}}\n" if server else ""
    return load(
        f"version: 1\nname: job\ninputs: [{{uri: '{root}/in/a.mp4'}}]\nwork: {root}/work\n"
        f"output: {{uri: '{root}/out/{{stem}}.mp4'}}\n{storage}",
        where="manifest.yaml",
    )


def killed(work: Callable[[], None]) -> None:
    """Do this in a process that does not live to its end."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


def die(*_: object) -> Never:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("dead")


def found(job: Manifest, *, delete: bool = False) -> dict[str, tuple[int, int]]:
    """What gc finds: number and bytes, by kind."""
    return {one.kind: (len(one.keys), one.size_bytes) for one in status.gc(job, delete=delete)}


def small_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(s3_upload, "PART_BYTES", PART)
    patch.setattr(s3_parts, "PARALLEL", 1)
    patch.setattr(s3, "MULTIPART_FROM_BYTES", PART)


def test_parts_of_a_killed_upload_are_shown_and_deleted_and_nobody_elses(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.make_bucket()
    job = manifest(f"s3://{bucket}", s3)
    client: Any = s3_client(environment_of(job).s3, bucket)
    foreign = client.create_multipart_upload(Bucket=bucket, Key="out/a.mp4")["UploadId"]
    small_parts(monkeypatch)
    (tmp_path / "big").write_bytes(bytes(2 * PART + 1))

    def upload(at_the_last_part: Callable[..., Any]) -> None:
        sums = s3_upload.checksums
        monkeypatch.setattr(
            s3_upload, "checksums", lambda data: sums(data) if len(data) == PART else at_the_last_part(data)
        )
        store, key = open_context(environment_of(job)).locate(Uri.on_s3(bucket, "out/a.mp4"))
        store.put_file(key, tmp_path / "big")

    killed(lambda: upload(die))
    assert found(job) == {UNFINISHED: (1, 2 * PART)}
    assert len(uploads(client, bucket)) == 2, "looking aborts nothing"
    assert found(job, delete=True) == {UNFINISHED: (1, 2 * PART)}
    assert uploads(client, bucket) == [foreign]
    assert found(job) == {}
    upload(s3_upload.checksums)
    assert uploads(client, bucket) == [foreign]
    assert found(job) == {}, "what is finished has no record"


def uploads(client: Any, bucket: str) -> list[str]:
    return [one["UploadId"] for one in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


@pytest.mark.chaos
def test_a_record_outlives_its_upload_only_where_that_could_not_be_aborted(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.make_bucket()
    work = open_store(StoreSpec(uri=Uri(tmp_path / "work")))
    records, layout = RecordedUploads(work, Layout("job")), Layout("job")
    small_parts(monkeypatch)
    (tmp_path / "big").write_bytes(bytes(2 * PART + 1))
    for refused, left in (("partNumber=2", 0), ("uploadId=", 1)):
        with refusing(s3, refused) as closed, pytest.raises(AccessRefused):
            open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=closed.options()), records).put_file(
                "a", tmp_path / "big"
            )
        assert len(list(work.list(layout.uploads))) == left


def test_files_of_killed_writers_are_shown_and_deleted_and_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = manifest(str(tmp_path))
    context = open_context(environment_of(job))
    segment = context.layout.segment("v", "c", "a", ".nut")
    (tmp_path / "joined").write_bytes(bytes(1000))
    foreign = tmp_path / "out" / f".slomo-{uuid4().hex}.part"
    foreign.parent.mkdir()
    foreign.write_bytes(b"another job's")

    def write(uri: str) -> None:
        monkeypatch.setattr(
            "slomo_batch.storage.local.rename", lambda part, path: die() if str(path) == uri else rename(part, path)
        )
        context.work.put_file(segment, tmp_path / "joined")
        store, key = context.locate(Uri(tmp_path / "out" / "a.mp4"))
        store.put_file(key, tmp_path / "joined")

    for uri in (context.work.uri(segment), str(tmp_path / "out" / "a.mp4")):
        killed(partial(write, uri))
    context.work.delete([segment])
    assert found(job) == {UNFINISHED: (1, 1000), WRITERS: (1, 1000)}
    assert len(list((tmp_path / "out").iterdir())) == 2, "looking deletes nothing"
    found(job, delete=True)
    assert list((tmp_path / "out").iterdir()) == [foreign]
    assert found(job) == {}
    store, key = context.locate(Uri(tmp_path / "out" / "a.mp4"))
    store.put_file(key, tmp_path / "joined")
    assert found(job) == {}, "what is finished has no record"


def test_a_record_can_name_no_file_but_one_that_a_store_makes(tmp_path: Path) -> None:
    job = manifest(str(tmp_path))
    (tmp_path / "precious").write_bytes(b"mine")
    context = open_context(environment_of(job))
    RecordedUploads(context.work, context.layout).begun(Upload(uri=Uri(tmp_path / "out.mp4"), token="precious"))
    with pytest.raises(AccessRefused):
        status.gc(job, delete=True)
    assert (tmp_path / "precious").read_bytes() == b"mine"


def test_a_damaged_record_of_an_upload_is_swept_and_a_stray_beside_it_is_left_alone(tmp_path: Path) -> None:
    job = manifest(str(tmp_path))
    uploads = tmp_path / "work" / Layout("job").uploads
    uploads.mkdir(parents=True)
    for name in (f"{'0a' * 16}.json", ".DS_Store"):
        (uploads / name).write_bytes(b"{")
    kind = "records of uploads that are damaged"
    assert found(job, delete=True)[kind] == (1, 0)
    assert kind not in found(job)
    assert [path.name for path in uploads.iterdir()] == [".DS_Store"]
