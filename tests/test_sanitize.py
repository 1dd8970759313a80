"""Credentials are cut out of whatever is said, and nothing else is."""

import json

import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError, StorageBusy
from slomo_batch.sanitize import redact_credentials

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"http://me:{SECRET}@proxy:80/ failed",
        f"http://me:{SECRET}@{SECRET}@proxy:80/",
        f"http://me:{SECRET}/{SECRET}@proxy:80/",
        f"http://{SECRET}@proxy",
        f"https://b.s3/k?X-Amz-Credential={SECRET}/x&X-Amz-Signature={SECRET}&X-Amz-Security-Token={SECRET}%3D",
        f"https://b.s3/k?AWSAccessKeyId={SECRET}&Expires=1&Signature={SECRET}%2F",
        f"https://a.blob/k?sv=1&sig={SECRET}",
        f"AWS4-HMAC-SHA256 Credential={SECRET}/2026, SignedHeaders=host, Signature={SECRET}",
        f"x-amz-security-token:{SECRET}",
        f"--set storage.secret_access_key={SECRET}: unknown key",
        f"aws_session_token={SECRET}",
        f"Invalid header value b'{SECRET}\\n{SECRET}'",
        f"Invalid header value '{SECRET}\n{SECRET}'",
        "AKIAHUNTER2HUNTER2HU",
    ],
)
def test_a_credential_is_cut_out(text: str) -> None:
    assert SECRET not in redact_credentials(text).lower()
    assert "***" in redact_credentials(text)
    assert SECRET not in str(StorageBusy("it failed", where="s3://b/k", got=text)).lower()


@pytest.mark.parametrize(
    "text",
    [
        'Could not connect to the endpoint URL: "http://127.0.0.1:9000/bucket/a@b.mp4"',
        "s3://bucket/me:you@home.mp4",
        "/films/design=1,passing=2.mp4",
        "credentials never stand in a manifest",
        "no usable credentials. Give boto3 credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile",
        "the AKIA-style id",
    ],
)
def test_all_else_stays(text: str) -> None:
    assert redact_credentials(text) == text


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", f"https://b.s3.amazonaws.com/a.mp4?X-Amz-Signature={SECRET}", "out.mp4"],
        ["convert", "a.mp4", "out.mp4", "--set", f"storage.secret_access_key={SECRET}"],
        ["convert", "a.mp4", "out.mp4", "--set", f"storage.endpoint_url=https://me:{SECRET}@host"],
        ["convert", "a.mp4", "out.mp4", f"https://me:{SECRET}@host/"],
        ["plan", f"https://me:{SECRET}@host/job.yaml"],
    ],
)
def test_what_was_typed_is_not_repeated_with_its_credentials(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) in {1, 2, 3}
    said = capsys.readouterr()
    assert said.err
    assert SECRET not in said.out + said.err


def test_the_faults_of_a_manifest_hold_no_credentials() -> None:
    error = ManifestError("1 fault", problems=(f"line 3: https://me:{SECRET}@host",))
    assert SECRET not in json.dumps(error.problems)
