"""The contract of ObjectStore, tested on folders, memory and a real S3 server."""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from uuid import uuid4

import pytest

from slomo_batch.errors import AccessRefused, ObjectChanged, ObjectMissing
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.metered import MeteredStore, Traffic
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.memory_store import MemoryStore
from tests.s3_server import S3Server
from tests.storage.exfat import refuse_link


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    return s3.make_bucket()


@pytest.fixture(params=["local", "local without hard links", "memory", "metered", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    if request.param.startswith("local"):
        if "without" in request.param:
            monkeypatch.setattr(os, "link", refuse_link)
        yield LocalStore(tmp_path / "store")
    elif request.param == "memory":
        yield MemoryStore()
    elif request.param == "metered":
        yield MeteredStore(MemoryStore(), Traffic())
    else:
        server: S3Server = request.getfixturevalue("s3")
        uri = f"s3://{request.getfixturevalue('bucket')}/{uuid4().hex}"
        yield open_store(StoreSpec(uri=Uri(uri), options=server.options()))


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_get_returns_the_data_of_put(store: ObjectStore) -> None:
    data = random.Random(1).randbytes(300_000)
    store.put("a/b.bin", data)
    assert store.get("a/b.bin") == data
    assert store.head("a/b.bin").size_bytes == 300_000
    assert store.head("a/b.bin").key == "a/b.bin"


def test_a_put_replaces(store: ObjectStore) -> None:
    store.put("a", b"old and long")
    store.put("a", b"new")
    assert store.get("a") == b"new"
    assert store.head("a").size_bytes == 3


def test_an_empty_object_is_an_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert store.get_range("empty", 0, 10) == b""
    store.get_file("empty", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b""
    assert keys(store) == ["empty"]


def test_a_missing_object_raises_object_missing(store: ObjectStore, tmp_path: Path) -> None:
    store.put("there/x", b"")
    for key in ("nowhere", "there", "there/y", "there/x/y"):
        with pytest.raises(ObjectMissing):
            store.get(key)
        with pytest.raises(ObjectMissing):
            store.head(key)
        with pytest.raises(ObjectMissing):
            store.get_range(key, 0, 1)
        with pytest.raises(ObjectMissing):
            store.get_range(key, 0, 1, fingerprint="whatever")
        with pytest.raises(ObjectMissing):
            store.get_file(key, tmp_path / "file")
    assert not list(tmp_path.glob("*file*"))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 10, b"0123456789"), (0, 1, b"0"), (3, 7, b"3456"), (8, 99, b"89"), (10, 12, b""), (50, 60, b""), (4, 4, b"")],
)
def test_a_range_is_cut_at_the_end_of_the_object(store: ObjectStore, start: int, end: int, expected: bytes) -> None:
    store.put("ten", b"0123456789")
    assert store.get_range("ten", start, end) == expected
    assert store.get_range("ten", start, end, fingerprint=store.head("ten").fingerprint) == expected


def test_a_fingerprint_changes_only_with_the_object(store: ObjectStore) -> None:
    store.put("a", b"first")
    before = store.head("a").fingerprint
    assert before
    assert store.head("a").fingerprint == before
    assert next(store.list()).fingerprint in {before, ""}
    store.put("a", b"other")
    after = store.head("a").fingerprint
    assert after != before
    assert store.get_range("a", 0, 5, fingerprint=after) == b"other"
    for start, end in ((0, 5), (2, 3), (5, 9)):
        with pytest.raises(ObjectChanged):
            store.get_range("a", start, end, fingerprint=before)


def test_put_if_absent_keeps_the_first_object(store: ObjectStore) -> None:
    assert store.put_if_absent("commit/a.json", b"first")
    assert not store.put_if_absent("commit/a.json", b"second")
    assert store.get("commit/a.json") == b"first"


def test_put_if_absent_recognizes_its_own_data(store: ObjectStore) -> None:
    assert store.put_if_absent("commit", b"mine")
    assert store.put_if_absent("commit", b"mine")
    store.delete(["commit"])
    assert store.put_if_absent("commit", b"another's")


def test_of_many_writers_at_once_one_wins(store: ObjectStore) -> None:
    for key in ("race/1", "race/2"):
        start = Barrier(6)

        def race(number: int, key: str = key, start: Barrier = start) -> bool:
            start.wait(30)
            return store.put_if_absent(key, b"%d" % number)

        with ThreadPoolExecutor(6) as pool:
            won = list(pool.map(race, range(6)))
        assert sum(won) == 1
        assert store.get(key) == b"%d" % won.index(True)


def test_a_reader_sees_the_old_object_or_the_new_one(store: ObjectStore) -> None:
    bodies = [bytes([number]) * 200_000 for number in range(2)]
    store.put("a", bodies[0])
    done = Event()

    def write() -> None:
        try:
            for turn in range(40):
                store.put("a", bodies[turn % 2])
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while True:
            last = done.is_set()
            assert store.get("a") in bodies
            if last:
                break
        writing.result()


def test_a_listing_has_every_object_and_its_size(store: ObjectStore) -> None:
    names = ["a-b", "a.txt", "a/x-y", "a/x/z", "a0", "b/c/d/e", "Z", "é", "b/c.d"]
    for name in names:
        store.put(name, name.encode())
    assert {info.key: info.size_bytes for info in store.list()} == {name: len(name.encode()) for name in names}


def test_a_listing_of_a_folder_is_in_key_order(store: ObjectStore) -> None:
    names = ["c/00010.json", "c/00009.json", "c/é", "c/Z", "c/a.b", "c/a-b", "c/a0"]
    for name in names:
        store.put(name, b"")
    assert keys(store, "c/") == sorted(names, key=str.encode)


def test_a_listing_can_begin_anywhere_in_a_name(store: ObjectStore) -> None:
    for name in ("jobs/a/1", "jobs/a/2", "jobs/ab/1", "jobs/b/1", "jobs-old/1"):
        store.put(name, b"")
    assert keys(store, "jobs/a/") == ["jobs/a/1", "jobs/a/2"]
    assert keys(store, "jobs/a") == ["jobs/a/1", "jobs/a/2", "jobs/ab/1"]
    assert keys(store, "jobs/a/2") == ["jobs/a/2"]
    assert keys(store, "job") == keys(store)
    assert keys(store, "nothing/") == keys(store, "jobs/a/1/x") == []


def test_folders_are_the_names_directly_below_a_prefix(store: ObjectStore) -> None:
    for key in ("jobs/b/x/1", "jobs/a.b/2", "jobs/file", "other/c/3"):
        store.put(key, b"1")
    assert store.folders("jobs/") == ["a.b", "b"]
    assert store.folders("jobs/b/") == ["x"]
    assert store.folders("none/") == []


def test_an_unused_store_has_an_empty_listing(store: ObjectStore) -> None:
    assert keys(store) == []


def test_delete_removes_only_the_given_keys(store: ObjectStore) -> None:
    for name in ("a/b/1", "a/b/2", "a/3", "c"):
        store.put(name, b"")
    store.delete(["a/b/1", "a/b/2", "a/nothing", "nowhere/at/all"])
    assert keys(store) == ["a/3", "c"]
    store.delete(iter(["a/3", "c"]))
    store.delete([])
    assert keys(store) == []


def test_a_file_goes_in_and_comes_out_the_same(store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "target.mp4"
    source.write_bytes(random.Random(2).randbytes(3_000_001))
    store.put("video.mp4", b"something else")
    store.put_file("video.mp4", source)
    target.write_bytes(b"in the way")
    store.get_file("video.mp4", target)
    assert target.read_bytes() == source.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["source.mp4", "target.mp4"]


def test_a_file_may_replace_only_the_object_that_was_seen(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"made")
    store.put_file("a", tmp_path / "file", over="")
    seen = store.head("a").fingerprint
    store.put("a", b"another's")
    for stale in ("", seen):
        (tmp_path / "file").write_bytes(b"late")
        with pytest.raises(ObjectChanged):
            store.put_file("a", tmp_path / "file", over=stale)
        assert store.get("a") == b"another's"
    store.put_file("a", tmp_path / "file", over=store.head("a").fingerprint)
    assert store.get("a") == b"late"
    seen = store.head("a").fingerprint
    store.delete(["a"])
    with pytest.raises(ObjectChanged):
        store.put_file("a", tmp_path / "file", over=seen)
    assert keys(store) == []


def test_a_finished_write_leaves_only_the_object(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    store.put_file("folder/a", tmp_path / "file")
    nothing = f".slomo-{uuid4().hex}.part"
    assert store.upload_size("folder/a", nothing) is None
    store.abort("folder/a", nothing)
    assert list(store.abandoned("folder/")) == list(store.abandoned("nowhere/")) == []
    assert keys(store) == ["folder/a"]


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a/../b", "./a", "a/./b", "..", "a\0b"])
def test_a_key_that_could_leave_its_root_is_refused(store: ObjectStore, key: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AccessRefused):
        store.put(key, b"")
    with pytest.raises(AccessRefused):
        store.put_if_absent(key, b"")
    with pytest.raises(AccessRefused):
        store.put_file(key, tmp_path / "file")
    with pytest.raises(AccessRefused):
        store.get(key)
    with pytest.raises(AccessRefused):
        store.get_range(key, 0, 1)
    with pytest.raises(AccessRefused):
        store.head(key)
    with pytest.raises(AccessRefused):
        store.delete([key])


@pytest.mark.parametrize(
    "key", ["with space.mp4", "100%25+plus&and=?.mp4", "clip [1] #2.mov", "Größe/日本.mkv", "...dots", 'quo"te', "a*b"]
)
def test_unusual_file_names_are_kept(store: ObjectStore, key: str) -> None:
    store.put(key, b"data")
    assert store.get(key) == b"data"
    assert keys(store) == [key]
    assert keys(store, key[:3]) == [key]
    store.delete([key])
    assert keys(store) == []


def test_the_uri_of_a_key_is_below_the_root(store: ObjectStore) -> None:
    assert not store.root.endswith("/")
    assert store.uri("a/b") == f"{store.root}/a/b"
