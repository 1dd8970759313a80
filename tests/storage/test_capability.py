"""Stores that would lose work are refused before a job starts."""

import time
from collections import Counter, defaultdict
from itertools import count
from pathlib import Path
from threading import Barrier, Condition, Lock, Thread, current_thread, main_thread

import pytest

from slomo_batch.errors import AccessRefused, StoreUnusable
from slomo_batch.storage.capability import BARRIER_TIMEOUT_S, RACERS, check_access, check_put_if_absent
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.memory_store import MemoryStore
from tests.s3_server import S3Server, refusing, without_put_if_absent

KEY_OF = Layout("job").probe
WITHIN_S = 120


class Overwriting(MemoryStore):
    """Ignores the condition of put-if-absent, and reads its own writes back."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return self.get(key) == data


class LookingFirst(MemoryStore):
    """Checks, then writes, not atomically: in a race each writer waits until a second one has checked."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._lookers, self._looked = Counter[str](), Condition()

    def put_if_absent(self, key: str, data: bytes) -> bool:
        if any(info.key == key for info in self.list()):
            return False
        if current_thread() is not main_thread():
            with self._looked:
                self._lookers[key] += 1
                self._looked.notify_all()
                assert self._looked.wait_for(lambda: self._lookers[key] > 1, WITHIN_S)
        self.put(key, data)
        return True


class NeverSure(MemoryStore):
    """Creates once, but returns False to every writer."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        super().put_if_absent(key, data)
        return False


class Forgetful(MemoryStore):
    """Accepts a write and returns other data."""

    def get(self, key: str) -> bytes:
        return super().get(key)[:-1]


class Clinging(MemoryStore):
    """Deletes nothing."""

    def delete(self, keys: object) -> None:
        del keys


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalStore(tmp_path / "work")
    if request.param == "memory":
        return MemoryStore()
    server: S3Server = request.getfixturevalue("s3")
    return open_store(StoreSpec(uri=Uri(f"s3://{server.make_bucket()}/work"), options=server.options()))


def test_a_good_store_passes_and_is_left_as_it_was(store: ObjectStore) -> None:
    check_access(store, KEY_OF("x"), write=True)
    check_access(store, KEY_OF("x"), write=False)
    check_put_if_absent(store, KEY_OF)
    assert list(store.list()) == []


@pytest.mark.parametrize("kind", [Overwriting, LookingFirst, NeverSure])
def test_a_store_without_put_if_absent_is_refused(kind: type[MemoryStore]) -> None:
    store = kind("careless")
    with pytest.raises(StoreUnusable, match="put-if-absent") as caught:
        check_put_if_absent(store, KEY_OF)
    assert "memory://careless" in str(caught.value)
    assert "Use AWS S3" in caught.value.remedy
    assert list(store.list()) == []


def test_a_server_deaf_to_if_none_match_is_refused(s3: S3Server) -> None:
    bucket = s3.make_bucket()
    with without_put_if_absent(s3) as deaf:
        store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}/work"), options=deaf.options()))
        check_access(store, KEY_OF("x"), write=True)
        with pytest.raises(StoreUnusable, match=f"s3://{bucket}/work: put-if-absent overwrites"):
            check_put_if_absent(store, KEY_OF)


@pytest.mark.parametrize(("kind", "fault"), [(Forgetful, "other data than"), (Clinging, "a deleted object can")])
def test_a_store_that_loses_or_keeps_data_is_refused(kind: type[MemoryStore], fault: str) -> None:
    with pytest.raises(StoreUnusable, match=fault):
        check_access(kind(), "probe", write=True)


@pytest.mark.parametrize("write", [True, False])
def test_a_missing_bucket_is_refused(s3: S3Server, write: bool) -> None:
    store = open_store(StoreSpec(uri=Uri("s3://no-such-bucket-here/work"), options=s3.options()))
    with pytest.raises(StoreUnusable, match="no such bucket"):
        check_access(store, "probe", write=write)


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_refused_and_not_repeated(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, wrong: str, write: bool
) -> None:
    bucket = s3.make_bucket()
    monkeypatch.setenv(wrong, f"wrong-{write}-hunter2")
    options = S3Options(endpoint_url=s3.endpoint, region=f"nowhere-{wrong}-{write}".lower().replace("_", "-"))
    with pytest.raises(StoreUnusable, match="does not accept the credentials") as caught:
        check_access(open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=options)), "probe", write=write)
    for secret in ("hunter2", s3.access_key, s3.secret_key):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("write", [True, False])
def test_access_denied_is_refused_with_the_leave_that_is_missing(s3: S3Server, write: bool) -> None:
    bucket = s3.make_bucket()
    with refusing(s3, f"/{bucket}") as closed:
        store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=closed.options()))
        with pytest.raises(StoreUnusable, match=f"cannot {'write to' if write else 'read'} this store: access denied"):
            check_access(store, "probe", write=write)


def test_reading_needs_no_leave_to_get_a_key_that_is_not_there(s3: S3Server) -> None:
    bucket = s3.make_bucket()
    with refusing(s3, f"{bucket}/probe") as closed:
        store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=closed.options()))
        with pytest.raises(AccessRefused):
            store.get("probe")
        check_access(store, "probe", write=False)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnusable, match="cannot write to this store: a file is in the place of a folder"):
        check_access(LocalStore(tmp_path / "file" / "work"), "probe", write=True)


def test_the_race_is_run_by_all_at_once() -> None:
    inside, guard = defaultdict[str, Barrier](lambda: Barrier(RACERS)), Lock()

    class Meeting(MemoryStore):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            if current_thread() is not main_thread():
                with guard:
                    barrier = inside[key]
                barrier.wait(WITHIN_S)  # fails unless all of them are here at the same time
            return super().put_if_absent(key, data)

    check_put_if_absent(Meeting(), KEY_OF)


def test_racers_do_not_wait_for_one_that_the_machine_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = Thread.start, count()

    def limited(thread: Thread) -> None:
        if next(started) >= RACERS:
            raise RuntimeError("can't start new thread")  # what Python says at a limit of threads or memory
        start(thread)

    monkeypatch.setattr(Thread, "start", limited)
    began_s = time.monotonic()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        check_put_if_absent(MemoryStore(), KEY_OF)
    assert time.monotonic() - began_s < BARRIER_TIMEOUT_S / 2
