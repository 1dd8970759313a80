"""Reads of S3: resumed after a cut connection, of a single version, and in several ranges."""

import random
from pathlib import Path

import pytest

from slomo_batch.errors import ObjectChanged, StorageBusy
from slomo_batch.storage import s3_download, s3_retries
from slomo_batch.storage.s3 import S3Store
from tests.s3_clients import open_s3
from tests.s3_server import S3Server, cutting, recording

MIB = 1 << 20


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
        stream = store._object("a")._stream(0, None, "")
        next(stream)
        plain.put("a", bytes([1]) * (3 * MIB))
        with pytest.raises(ObjectChanged):
            list(stream)


def test_a_body_that_breaks_again_and_again_is_given_up(
    s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_retries, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(s3_download, "TRIES", 1)
    open_s3(prefix, s3).put("a", bytes(100_000))
    with cutting(s3, 100) as flaky, pytest.raises(StorageBusy, match="connection"):
        open_s3(prefix, flaky).get("a")


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
