"""Parsing and normalization of URIs."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from slomo_batch.errors import ManifestError
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3 import S3Store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.uris import is_s3, normalize_uri, split_uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("clips/a.mp4", "/base/clips/a.mp4"),
        ("./clips/../a.mp4", "/base/a.mp4"),
        ("/abs/a.mp4", "/abs/a.mp4"),
        ("clips/", "/base/clips/"),
        (".", "/base"),
        ("/", "/"),
        ("file:///abs/a%20b.mp4", "/abs/a b.mp4"),
        ("file://localhost/abs/a.mp4", "/abs/a.mp4"),
        ("2019/**/*.mp4", "/base/2019/**/*.mp4"),
        ("a b#c?.mp4", "/base/a b#c?.mp4"),
        ("s3://bucket/a/../b.mp4", "s3://bucket/a/../b.mp4"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_a_uri_has_one_spelling(uri: str, expected: str) -> None:
    assert normalize_uri(uri, Path("/base")) == expected
    assert normalize_uri(expected, Path("/elsewhere")) == expected


def test_the_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert normalize_uri("~/clips", Path("/base")) == "/home/me/clips"


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///key", "http://host/a.mp4", "gs://bucket/a", "file://host/a.mp4", "~nobody-at-all/x"]
)
def test_what_no_store_speaks_is_refused(uri: str) -> None:
    with pytest.raises(ManifestError) as caught:
        normalize_uri(uri, Path("/base"))
    assert uri in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a/b.mp4", ("s3://bucket", "a/b.mp4")),
        ("s3://bucket/b.mp4", ("s3://bucket", "b.mp4")),
        ("/a/b.mp4", ("/a", "b.mp4")),
        ("/b.mp4", ("/", "b.mp4")),
        ("file:///a/b.mp4", ("/a", "b.mp4")),
    ],
)
def test_a_uri_splits_into_store_and_key(uri: str, expected: tuple[str, str]) -> None:
    assert split_uri(uri) == expected


def test_only_s3_is_s3() -> None:
    assert is_s3("s3://bucket")
    assert not is_s3("/s3://bucket")


def test_a_spec_opens_the_store_it_names_in_whichever_process(tmp_path: Path) -> None:
    local = open_store(pickle.loads(pickle.dumps(StoreSpec(uri=str(tmp_path)))))
    assert isinstance(local, LocalStore)
    assert local.root == str(tmp_path)
    remote = open_store(pickle.loads(pickle.dumps(StoreSpec(uri="s3://bucket/a/b/", options=S3Options(region="x")))))
    assert isinstance(remote, S3Store)
    assert remote.root == "s3://bucket/a/b"
    assert remote.uri("c") == "s3://bucket/a/b/c"
    assert open_store(StoreSpec(uri="s3://bucket")).uri("c") == "s3://bucket/c"


def test_boto3_is_loaded_only_where_s3_is_used(tmp_path: Path) -> None:
    program = f"""
import sys
from slomo_batch.storage.opening import StoreSpec, open_store
open_store(StoreSpec(uri={str(tmp_path)!r})).put("a", b"")
assert not {{"boto3", "botocore"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=240)
