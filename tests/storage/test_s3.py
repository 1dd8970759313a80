"""Behavior that only S3Store has."""

import inspect
import json
import multiprocessing
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.exceptions
import botocore.parsers
import pytest
import urllib3.exceptions
from botocore.exceptions import ClientError

from slomo_batch.errors import (
    AccessRefused,
    ObjectChanged,
    ObjectMissing,
    SlomoError,
    StorageBusy,
    StoreUnusable,
    StoreUnusableHere,
)
from slomo_batch.storage import s3 as s3_module
from slomo_batch.storage import s3_client as client_module
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3 import S3Store
from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.s3_errors import FAULTS_BY_CLASS, redact_secrets, storage_error
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.s3_upload import MAX_PARTS, MULTIPART_FROM_BYTES, PART_BYTES, Condition, part_size
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.imds_server import Imds, imds_serving
from tests.s3_clients import close_clients
from tests.s3_server import S3Server, cutting, losing, recording, refusing

MIB = 1 << 20


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    return s3.make_bucket()


@pytest.fixture
def prefix(bucket: str) -> str:
    return f"s3://{bucket}/{uuid4().hex}"


def open_s3(uri: str, server: S3Server, **changes: Any) -> ObjectStore:
    options = {"endpoint_url": server.endpoint, "region": "us-east-1", **changes}
    return open_store(StoreSpec(uri=Uri(uri), options=S3Options(**options)))


# ---- errors --------------------------------------------------------------------------------------------------------


def exceptions_of(module: Any) -> list[type[Exception]]:
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("module", [botocore.exceptions, urllib3.exceptions])
def test_every_exception_of_the_libraries_has_a_meaning_here(module: Any) -> None:
    told_by_its_code = {botocore.exceptions.ClientError, botocore.exceptions.EventStreamError}
    roots = {botocore.exceptions.BotoCoreError}
    kinds = set(exceptions_of(module)) - told_by_its_code - roots
    assert len(kinds) > 20
    unmapped = [kind.__name__ for kind in kinds if not any(known in FAULTS_BY_CLASS for known in kind.__mro__)]
    assert unmapped == []


def answer(code: str, status: int, message: str = "words") -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "GetObject")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer("NoSuchKey", 404), ObjectMissing),
        (answer("404", 404), ObjectMissing),
        (answer("NoSuchBucket", 404), StoreUnusable),
        (answer("AccessDenied", 403), AccessRefused),
        (answer("403", 403), AccessRefused),
        (answer("InvalidAccessKeyId", 403), StoreUnusableHere),
        (answer("SignatureDoesNotMatch", 403), StoreUnusableHere),
        (answer("ExpiredToken", 400), StoreUnusableHere),
        (answer("InvalidObjectState", 403), AccessRefused),
        (answer("PreconditionFailed", 412), ObjectChanged),
        (answer("SlowDown", 503), StorageBusy),
        (answer("ConditionalRequestConflict", 409), StorageBusy),
        (answer("Throttling", 400), StorageBusy),
        (answer("KMS.ThrottlingException", 400), StorageBusy),
        (answer("RequestThrottledException", 400), StorageBusy),
        (answer("SlowDownWrite", 400), StorageBusy),
        (answer("TooManyRequests", 400), StorageBusy),
        (answer("ServiceUnavailableException", 400), StorageBusy),
        (answer("KMS.LimitExceededException", 400), StorageBusy),
        (answer("RequestTimeTooSkewed", 403), StoreUnusableHere),
        (answer("AccountProblem", 403), StoreUnusable),
        (answer("SomethingNew", 599), StorageBusy),
        (answer("SomethingNew", 400), AccessRefused),
        (answer("PermanentRedirect", 301), StoreUnusable),
        (botocore.exceptions.NoCredentialsError(), StoreUnusableHere),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), StorageBusy),
        (botocore.exceptions.SSLError(endpoint_url="https://x", error=OSError("bad")), StoreUnusableHere),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"), StorageBusy),
        (botocore.parsers.ResponseParserError("not XML"), StorageBusy),
    ],
)
def test_answers_are_told_by_what_can_be_done(error: Exception, kind: type[SlomoError]) -> None:
    failure = storage_error(error, "s3://bucket/key")
    assert type(failure) is kind
    assert failure.where == "s3://bucket/key"


def test_cold_storage_says_restore_first() -> None:
    failure = storage_error(answer("InvalidObjectState", 403), "s3://bucket/key")
    assert "cold storage" in str(failure)
    assert "Restore it first" in failure.remedy


@pytest.mark.parametrize(
    "text",
    [
        "proxy http://me:hunter2@proxy:80/ failed",
        "https://b.s3/k?X-Amz-Credential=hunter2/x&X-Amz-Signature=hunter2",
        "key AKIAHUNTER2HUNTER2 is not known".upper(),
    ],
)
def test_messages_hold_no_credentials(text: str) -> None:
    assert "HUNTER2" not in redact_secrets(text).upper()
    assert "hunter2" not in str(storage_error(answer("Odd", 400, text.lower()), "s3://b"))[:40]


def test_what_a_credential_helper_printed_is_not_repeated() -> None:
    error = botocore.exceptions.CredentialRetrievalError(provider="custom-process", error_msg="secret hunter2")
    assert "hunter2" not in str(storage_error(error, "s3://b"))


TOKEN = "FwoGZXIvYXdzEHIaDHUNTER2"


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("AWS_SESSION_TOKEN", f"{TOKEN}\n", "a line break in the session token"),
        ("AWS_SESSION_TOKEN", f"{TOKEN}\r\n{TOKEN}", "a line break in the session token"),
        ("AWS_SESSION_TOKEN", f"{TOKEN}é", "a character outside ASCII in the session token"),
        ("AWS_ACCESS_KEY_ID", f"{TOKEN}\n", "a line break in the access key"),
        ("AWS_SECRET_ACCESS_KEY", f"{TOKEN}\n", "a line break in the secret key"),
        ("AWS_SECRET_ACCESS_KEY", f"{TOKEN}\t", "a control character in the secret key"),
    ],
)
def test_a_credential_that_no_request_can_carry_is_refused_before_the_first(
    variable: str, value: str, fault: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    close_clients()
    with recording(s3) as (server, requests), pytest.raises(StoreUnusable, match="no usable credentials") as raised:
        open_s3("s3://bucket", server).get("a")
    assert requests == []
    assert f"got {fault} (found by boto3's method 'env')" in str(raised.value)
    assert "HUNTER2" not in str(raised.value)


def test_a_secret_key_in_any_script_and_with_spaces_is_for_the_server_to_judge(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{TOKEN} é ")
    close_clients()
    with pytest.raises((StoreUnusable, AccessRefused), match="SignatureDoesNotMatch") as raised:
        open_s3(prefix, s3).get("a")
    assert "HUNTER2" not in str(raised.value)
    close_clients()


def test_a_header_that_cannot_be_sent_is_no_passing_fault_and_is_not_shown(s3: S3Server, prefix: str) -> None:
    with pytest.raises(StoreUnusable, match="cannot be sent") as raised:
        open_s3(prefix, s3, expected_bucket_owner=f"{TOKEN}\n{TOKEN}").get("a")
    assert "HUNTER2" not in str(raised.value)


def test_the_environment_s_own_secrets_are_cut_out_however_they_are_spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2/+=\nhunter2")
    for spelled in ("hunter2/+=\nhunter2", "hunter2/+=\\nhunter2", "hunter2%2F%2B%3D%0Ahunter2"):
        assert redact_secrets(f"the token {spelled} is odd") == "the token *** is odd"


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    store = open_store(StoreSpec(uri=Uri("s3://bucket"), options=S3Options(endpoint_url="not a url")))
    with pytest.raises(StoreUnusable, match="expected a URL"):
        store.get("a")


def test_nobody_listening_is_a_busy_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TRIES", 1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        options = S3Options(endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StorageBusy, match="connection"):
            open_store(StoreSpec(uri=Uri("s3://bucket"), options=options)).get("a")


def test_no_credentials_at_all_says_how_to_give_them(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreUnusable, match="AWS_ACCESS_KEY_ID"):
        open_s3(prefix, s3, region="no-credentials").get("a")


@pytest.fixture
def role_of_an_instance(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Imds, S3Options, Path]]:
    """An instance whose role is the only source of credentials, its metadata service, and the file that names it."""
    vendor = tmp_path / "sys_vendor"
    monkeypatch.setattr(client_module, "VENDOR_FILE", vendor)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    role = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": s3.access_key,
        "SecretAccessKey": s3.secret_key,
        "Token": "",
        "Expiration": "2999-01-01T00:00:00Z",
    }
    with imds_serving() as imds:
        imds.items |= {
            "iam/security-credentials/": "worker",
            "iam/security-credentials/worker": json.dumps(role),
        }
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint)
        close_clients()
        yield imds, s3.options(), vendor
    close_clients()


def test_an_instance_survives_a_metadata_service_that_fails_a_few_times(
    role_of_an_instance: tuple[Imds, S3Options, Path], s3: S3Server
) -> None:
    imds, options, vendor = role_of_an_instance
    vendor.write_text("Amazon EC2\n")
    imds.failures = client_module.METADATA_TRIES - 1
    store = open_store(StoreSpec(uri=Uri(f"s3://{s3.make_bucket()}"), options=options))
    store.put("a", b"data")
    assert store.get("a") == b"data"


def test_a_machine_that_is_no_instance_reports_missing_credentials_at_once(
    role_of_an_instance: tuple[Imds, S3Options, Path],
) -> None:
    imds, options, vendor = role_of_an_instance
    vendor.write_text("Example Computers\n")
    imds.failures = 1
    with pytest.raises(StoreUnusableHere, match="no usable credentials"):
        open_store(StoreSpec(uri=Uri("s3://bucket"), options=options)).get("a")


def test_a_process_that_found_no_credentials_looks_for_them_again_at_its_next_request(
    role_of_an_instance: tuple[Imds, S3Options, Path],
) -> None:
    imds, options, vendor = role_of_an_instance
    vendor.write_text("Example Computers\n")
    imds.failures = 1
    store = open_store(StoreSpec(uri=Uri("s3://bucket"), options=options))
    with pytest.raises(StoreUnusableHere, match="no usable credentials"):
        store.get("a")
    with pytest.raises(StoreUnusable, match="no such bucket"):
        store.get("a")


def test_the_environment_says_how_patient_an_instance_is(
    role_of_an_instance: tuple[Imds, S3Options, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    imds, options, vendor = role_of_an_instance
    vendor.write_text("Amazon EC2\n")
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1")
    imds.failures = 1
    with pytest.raises(StoreUnusable, match="no usable credentials"):
        open_store(StoreSpec(uri=Uri("s3://bucket"), options=options)).get("a")


def test_a_missing_bucket_is_told_from_a_missing_key(s3: S3Server) -> None:
    store = open_s3("s3://no-such-bucket-here", s3)
    for ask in (lambda: store.head("a"), lambda: store.get("a"), lambda: store.put("a", b""), lambda: [*store.list()]):
        with pytest.raises(StoreUnusable, match="no such bucket"):
            ask()
    with pytest.raises(StoreUnusable, match="no such bucket"):
        store.delete(["a"])
    with pytest.raises(StoreUnusable, match="no such bucket"):
        store.put_if_absent("a", b"")


def test_an_object_in_cold_storage_is_reported_as_such(s3: S3Server, prefix: str) -> None:
    with refusing(s3, "frozen", "InvalidObjectState") as cold, pytest.raises(AccessRefused, match="Restore it first"):
        open_s3(prefix, cold).get_range("frozen.mp4", 0, 10)


# ---- reading -------------------------------------------------------------------------------------------------------


def test_a_body_that_is_cut_off_is_resumed_where_it_broke(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(3 * MIB)
    open_s3(prefix, s3).put("a", data)
    with cutting(s3, 3) as flaky:
        assert open_s3(prefix, flaky).get("a") == data
    with cutting(s3, 2) as flaky:
        store = open_s3(prefix, flaky)
        assert store.get_range("a", 1000, 2_000_000, fingerprint=store.head("a").fingerprint) == data[1000:2_000_000]
    with cutting(s3, 2) as flaky:
        open_s3(prefix, flaky).get_file("a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == data


def test_a_body_is_not_resumed_with_another_objects_bytes(s3: S3Server, prefix: str) -> None:
    plain = open_s3(prefix, s3)
    plain.put("a", bytes(3 * MIB))
    with cutting(s3, 1) as flaky:
        store = open_s3(prefix, flaky)
        assert isinstance(store, S3Store)
        stream = store._stream("a", 0, None, "")
        next(stream)
        plain.put("a", bytes([1]) * (3 * MIB))
        with pytest.raises(ObjectChanged):
            list(stream)


def test_a_body_that_breaks_again_and_again_is_given_up(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(s3_module, "TRIES", 1)
    open_s3(prefix, s3).put("a", bytes(100_000))
    with cutting(s3, 100) as flaky, pytest.raises(StorageBusy, match="connection"):
        open_s3(prefix, flaky).get("a")


def test_a_listing_of_more_than_a_page_is_whole_and_in_order(s3: S3Server, prefix: str) -> None:
    store = open_s3(prefix, s3)
    names = [f"page/{number:05d}" for number in range(1005)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(name, b""), names))
    with recording(s3) as (front, seen):
        assert [info.key for info in open_s3(prefix, front).list("page/")] == names
        assert len(seen) == 2
    store.delete(names)
    assert list(store.list()) == []


def test_folder_markers_are_no_objects(s3: S3Server, prefix: str) -> None:
    store = open_s3(prefix, s3)
    bucket, _, root = prefix.removeprefix("s3://").partition("/")
    client: Any = s3_client(S3Options(endpoint_url=s3.endpoint, region="us-east-1"), prefix)
    client.put_object(Bucket=bucket, Key=f"{root}/folder/", Body=b"")
    store.put("folder/a", b"")
    assert [info.key for info in store.list()] == ["folder/a"]


def test_listing_head_and_read_agree_on_the_fingerprint(s3: S3Server, prefix: str) -> None:
    store = open_s3(prefix, s3)
    store.put("a", b"data")
    listed = next(iter(store.list())).fingerprint
    assert listed == store.head("a").fingerprint
    assert '"' not in listed
    assert store.get_range("a", 0, 4, fingerprint=listed) == b"data"


# ---- writing -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.mp4"
    path.write_bytes(random.Random(4).randbytes(MIB) * (MULTIPART_FROM_BYTES // MIB) + b"and more")
    return path


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


def test_a_small_file_comes_by_one_request(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    open_s3(prefix, s3).put("a", b"data")
    with recording(s3) as (front, seen):
        open_s3(prefix, front).get_file("a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"data"
    assert [request.method for request in seen] == ["GET"]


def test_a_download_may_have_the_longest_name_that_a_file_can(s3: S3Server, prefix: str, tmp_path: Path) -> None:
    store = open_s3(prefix, s3)
    store.put("a", b"data")
    store.get_file("a", tmp_path / ("s" * 255))
    assert (tmp_path / ("s" * 255)).read_bytes() == b"data"


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


@pytest.mark.parametrize("tries", [1, 3], ids=["boto3 reports the loss", "boto3 sends it again and gets 412"])
def test_an_answer_lost_on_the_way_does_not_make_a_winner_a_loser(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    monkeypatch.setattr(client_module, "TRIES", tries)
    with losing(s3, 1) as deaf:
        store = open_s3(prefix, deaf, region=f"tries-{tries}")
        assert store.put_if_absent("commit", b"mine")
        assert not store.put_if_absent("commit", b"another's")
    assert open_s3(prefix, s3).get("commit") == b"mine"


def test_a_store_that_has_no_conditional_writes_says_so(s3: S3Server, prefix: str) -> None:
    with refusing(s3, "commit", "NotImplemented", 501) as old, pytest.raises(StoreUnusable, match="does not support"):
        open_s3(prefix, old).put_if_absent("commit", b"mine")


def test_an_undecided_write_is_sent_again_and_then_given_up(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "FIRST_WAIT_S", 0.001)
    store = open_s3(prefix, s3)
    with refusing(s3, "commit", "ConditionalRequestConflict", 409, method="PUT") as torn:
        with pytest.raises(StorageBusy, match="cannot determine"):
            open_s3(prefix, torn).put_if_absent("commit", b"mine")
        store.put("commit", b"another's")
        assert not open_s3(prefix, torn).put_if_absent("commit", b"mine")


# ---- options -------------------------------------------------------------------------------------------------------


def test_every_request_says_whose_bucket_it_must_be_and_who_pays(
    s3: S3Server, prefix: str, big_file: Path, tmp_path: Path
) -> None:
    kms = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")
    with recording(s3, dropped=kms) as (front, seen):
        options = {"sse_kms_key_id": "key-1", "expected_bucket_owner": "123456789012", "requester_pays": True}
        store = open_s3(prefix, front, **options)
        store.put("a", b"")
        store.put_if_absent("b", b"")
        store.put_file("c", big_file)
        store.head("a")
        store.get("a")
        store.get_file("c", tmp_path / "c")
        list(store.list())
        store.delete(["a", "b"])
    assert len(seen) > 10
    for request in seen:
        assert request.headers["x-amz-expected-bucket-owner"] == "123456789012"
        assert request.headers["x-amz-request-payer"] == "requester"
    encrypted = [request for request in seen if kms[0] in request.headers]
    assert {request.headers[kms[1]] for request in encrypted} == {"key-1"}
    assert sorted(request.method for request in encrypted) == ["POST", "PUT", "PUT"]


def test_the_endpoint_of_the_environment_is_used(s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    store = open_store(StoreSpec(uri=Uri(prefix), options=S3Options(region="from-environment")))
    store.put("a", b"data")
    assert open_s3(prefix, s3).get("a") == b"data"


# ---- processes and threads -----------------------------------------------------------------------------------------


def _read_in_child(store: ObjectStore, results: Any) -> None:
    results.put(store.get("a"))
    close_clients()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_store_goes_into_another_process_and_works_there(s3: S3Server, prefix: str, method: Any) -> None:
    store = open_s3(prefix, s3)
    store.put("a", b"data")
    context: Any = multiprocessing.get_context(method)
    results = context.SimpleQueue()
    child = context.Process(target=_read_in_child, args=(store, results))
    child.start()
    assert results.get() == b"data"
    child.join(30)
    assert child.exitcode == 0
    assert store.get("a") == b"data"


def test_threads_share_one_client_however_they_start(s3: S3Server) -> None:
    options = S3Options(endpoint_url=s3.endpoint, region="shared")
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: s3_client(options, "s3://b"), range(16)))
    assert len({id(client) for client in clients}) == 1
