"""Injected S3 faults: temporary ones are survived, others are reported, and no byte is ever wrong."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from slomo_batch.errors import StoreUnusable
from slomo_batch.storage import s3_client as client_module
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3_upload import MULTIPART_FROM_BYTES
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from tests.s3_clients import close_clients
from tests.s3_server import S3Server
from tests.s3_weather import PASSING, Fault, Weather, weathered

DATA = random.Random(5).randbytes(300_000)
NUM_FAULTS = 3


@dataclass(frozen=True)
class Survived:
    """Results of a store's operations under one kind of fault."""

    injected: int
    wrong: list[str]


def wrong_of(store: ObjectStore, uri: str, folder: Path) -> list[str]:
    """Call every operation of a store; return the names of those whose result is wrong."""
    path = folder / "file"
    path.write_bytes(DATA)
    info = store.head("a")

    def fetched() -> bool:
        store.get_file("a", folder / "back")
        return (folder / "back").read_bytes() == DATA

    def deleted() -> bool:
        store.put("doomed", b"x")
        store.delete(["doomed"])
        return [found.key for found in store.list("doomed")] == []

    def uploaded() -> bool:
        store.put_file("b", path)
        return store.get("b") == DATA

    checks: dict[str, Callable[[], bool]] = {
        "get": lambda: store.get("a") == DATA,
        "get_range": lambda: store.get_range("a", 1000, 250_000, fingerprint=info.fingerprint) == DATA[1000:250_000],
        "get_range at the end": lambda: store.get_range("a", 299_000, 400_000) == DATA[299_000:],
        "get_file": fetched,
        "put_file": uploaded,
        "put_if_absent": lambda: store.put_if_absent("commit", b"mine") and store.get("commit") == b"mine",
        "put_if_absent, second": lambda: not store.put_if_absent("a", b"another"),
        "list": lambda: [found.key for found in store.list("a")] == ["a"],
        "delete": deleted,
    }
    return [name for name, check in checks.items() if not check()]


@pytest.fixture(scope="module")
def survived(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Fault, Survived]]:
    """All kinds of fault at the same time, each with its own proxy and prefix, since most of the time is waiting."""
    bucket = s3.make_bucket()

    def under(fault: Fault) -> Survived:
        open_store(StoreSpec(uri=Uri(f"s3://{bucket}/{fault.name}"), options=s3.options())).put("a", DATA)
        number = 1 if fault is Fault.SILENT else NUM_FAULTS
        with weathered(s3, Weather(faults={fault: number}, share=0.6, silent_s=30)) as storm:
            store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}/{fault.name}"), options=storm.server.options()))
            wrong = wrong_of(store, f"s3://{bucket}", tmp_path_factory.mktemp(fault.name))
            return Survived(injected=storm.injected[fault], wrong=wrong)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(PASSING)) as pool:
        patch.setattr(client_module, "READ_TIMEOUT_S", 3)
        yield dict(zip(PASSING, pool.map(under, PASSING), strict=True))
    close_clients()


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_survived(fault: Fault, survived: dict[Fault, Survived]) -> None:
    assert survived[fault].injected > 0
    assert survived[fault].wrong == []


def test_expired_credentials_are_a_reason_and_not_a_retry(s3: S3Server) -> None:
    with weathered(s3, Weather(faults={Fault.EXPIRED: 100})) as storm:
        store = open_store(StoreSpec(uri=Uri(f"s3://{s3.make_bucket()}"), options=storm.server.options()))
        with pytest.raises(StoreUnusable, match="does not accept the credentials") as expired:
            store.get("a")
        assert "renew" in expired.value.remedy
        assert storm.num_requests == 1


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_large_files_go_and_come_whole_through_all_of_it(
    seed: int, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", 3)
    path, back = tmp_path / "big", tmp_path / "back"
    path.write_bytes(random.Random(seed).randbytes(MULTIPART_FROM_BYTES + 12_345))
    bucket = s3.make_bucket()
    faults = dict.fromkeys(PASSING, 1)
    with weathered(s3, Weather(faults=faults, share=0.5, seed=seed, silent_s=30)) as storm:
        store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=storm.server.options()))
        store.put_file("big", path)
        store.get_file("big", back)
        assert sum(storm.injected.values()) >= 5
    assert back.read_bytes() == path.read_bytes()
