"""Every fault of a request has a class, and no message shows a credential."""

import inspect
import socket
from typing import Any

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
from slomo_batch.storage import s3_client as client_module
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_errors import FAULTS_BY_CLASS, redact_secrets, storage_error
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri
from tests.s3_clients import open_s3
from tests.s3_server import S3Server, refusing


def exceptions_of(module: Any) -> list[type[Exception]]:
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("module", [botocore.exceptions, urllib3.exceptions])
def test_every_exception_of_the_libraries_has_a_meaning_here(module: Any) -> None:
    named_by_its_code = {botocore.exceptions.ClientError, botocore.exceptions.EventStreamError}
    roots = {botocore.exceptions.BotoCoreError}
    kinds = set(exceptions_of(module)) - named_by_its_code - roots
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
