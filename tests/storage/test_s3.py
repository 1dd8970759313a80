"""Behavior that only S3Store has: listings, undecided writes, options, and use in several processes and threads."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.errors import StorageBusy, StoreUnusable
from slomo_batch.storage import s3_client as client_module
from slomo_batch.storage import s3_retries
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_client import s3_client
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.s3_clients import close_clients, open_s3
from tests.s3_server import S3Server, losing, recording, refusing

# ---- listing -------------------------------------------------------------------------------------------------------


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


# ---- put_if_absent --------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(s3_retries, "FIRST_WAIT_S", 0.001)
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
