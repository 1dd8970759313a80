"""Credentials: where they are found, and those that no request can carry."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slomo_batch.errors import AccessRefused, StoreUnusable, StoreUnusableHere
from slomo_batch.storage import s3_client as client_module
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri
from tests.imds_server import Imds, imds_serving
from tests.s3_clients import close_clients, open_s3
from tests.s3_server import S3Server, recording

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
