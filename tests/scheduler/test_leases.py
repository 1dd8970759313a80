"""One driver at a time leads a job; a dead one is detected by its heartbeat and the watcher's own clock."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from slomo_batch.errors import JobTaken, StoreUnusable
from slomo_batch.records.driver_claim import DriverClaim
from slomo_batch.scheduler import leases
from slomo_batch.scheduler.leases import BEAT_S, EXPIRY_S, DriverLease, is_led
from slomo_batch.serialization import from_json, to_json
from slomo_batch.storage.work_layout import Layout
from tests.memory_store import MemoryStore

LAYOUT = Layout("job")


def elsewhere(store: MemoryStore, *, beat: int, ended: bool = False) -> DriverClaim:
    """The first epoch, held by a driver on another machine."""
    claim = DriverClaim(driver="other", host="elsewhere", pid=1, process_start="1", beat=beat, ended=ended)
    store.put_if_absent(LAYOUT.epoch(1), to_json(claim))
    store.put(LAYOUT.heartbeat(1), to_json(claim))
    return claim


def waiting(waited: list[float], then: Callable[[], object] = lambda: None) -> Callable[[float], object]:
    def wait(seconds: float) -> None:
        waited.append(seconds)
        then()

    return wait


def test_a_lease_that_ended_in_order_is_not_waited_for() -> None:
    store, waited = MemoryStore(), list[float]()
    for number in (1, 2, 3):
        with DriverLease(store, LAYOUT, wait=waiting(waited)) as epoch:
            assert epoch.number == number
            assert is_led(store, LAYOUT)
        assert not is_led(store, LAYOUT)
    assert not waited


def test_a_driver_on_another_machine_with_heartbeats_keeps_the_job() -> None:
    store, beats = MemoryStore(), iter(range(1, 100))
    elsewhere(store, beat=0)
    with (
        pytest.raises(JobTaken, match="elsewhere"),
        DriverLease(store, LAYOUT, wait=waiting([], lambda: elsewhere(store, beat=next(beats)))),
    ):
        pass


def test_a_driver_on_another_machine_without_heartbeats_loses_the_job_at_expiry() -> None:
    store, waited = MemoryStore(), list[float]()
    elsewhere(store, beat=7)
    with DriverLease(store, LAYOUT, wait=waiting(waited)) as epoch:
        assert epoch.number == 2
    assert sum(waited) >= EXPIRY_S
    assert set(waited) == {BEAT_S}


def test_a_dead_process_of_this_machine_is_not_waited_for() -> None:
    store, waited = MemoryStore(), list[float]()
    with DriverLease(store, LAYOUT) as first:
        claim = from_json(DriverClaim, store.get(LAYOUT.heartbeat(first.number)))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = DriverClaim(
        driver="dead", host=claim.host, pid=ended.pid, process_start=claim.process_start, beat=3, ended=False
    )
    store.put(LAYOUT.heartbeat(1), to_json(dead))
    with DriverLease(store, LAYOUT, wait=waiting(waited)) as epoch:
        assert epoch.number == 2
    assert not waited


@pytest.mark.parametrize("field", [{"boot_id": "another"}, {"pid_namespace": 1}])
def test_a_process_of_another_kernel_or_container_is_watched(field: dict[str, Any]) -> None:
    store, waited = MemoryStore(), list[float]()
    with DriverLease(store, LAYOUT) as first:
        claim = from_json(DriverClaim, store.get(LAYOUT.epoch(first.number)))
    assert claim.boot_id
    assert claim.pid_namespace
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store.put(LAYOUT.heartbeat(1), to_json(replace(claim, pid=ended.pid, **field)))
    with DriverLease(store, LAYOUT, wait=waiting(waited)) as epoch:
        assert epoch.number == 2
    assert sum(waited) >= EXPIRY_S, "its process cannot be seen from here, so only its heartbeat counts"


def test_a_forced_takeover_is_seen_by_the_superseded_driver() -> None:
    store = MemoryStore()
    with DriverLease(store, LAYOUT) as first, DriverLease(store, LAYOUT, take_over=True) as second:
        assert (first.number, second.number) == (1, 2)
        first.check_superseded()
        assert first.is_superseded
        second.check_superseded()
        assert not second.is_superseded
    assert from_json(DriverClaim, store.get(LAYOUT.heartbeat(1))).ended is False, (
        "a superseded driver writes nothing more"
    )


def test_a_driver_that_was_frozen_checks_its_lease_before_it_continues() -> None:
    store, now = MemoryStore(), [1000.0]
    with DriverLease(store, LAYOUT, clock=lambda: now[0]) as first, DriverLease(store, LAYOUT, take_over=True):
        assert not first.is_superseded, "it checks with every heartbeat, not with every call"
        now[0] += EXPIRY_S
        assert first.is_superseded


class Shut(MemoryStore):
    """A store that refuses writes while `is_shut` is set."""

    is_shut = False

    def put(self, key: str, data: bytes) -> None:
        if self.is_shut:
            raise StoreUnusable("the store does not accept the credentials", where=self.root)
        super().put(key, data)


def test_a_failed_last_heartbeat_does_not_change_the_result_of_a_run() -> None:
    store, waited = Shut(), list[float]()
    with DriverLease(store, LAYOUT):
        store.is_shut = True
    store.is_shut = False
    with DriverLease(store, LAYOUT, take_over=True, wait=waiting(waited)) as epoch:
        assert epoch.number == 2


def test_heartbeats_continue_when_the_store_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_S", 0.01)
    store = Shut()
    with DriverLease(store, LAYOUT) as epoch:
        store.is_shut = True
        beat = from_json(DriverClaim, store.get(LAYOUT.heartbeat(1))).beat
        epoch._thread.join(0.2)
        assert epoch._thread.is_alive()
        store.is_shut = False
        deadline = time.monotonic() + 60
        while from_json(DriverClaim, store.get(LAYOUT.heartbeat(1))).beat == beat:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_driver_whose_heartbeat_and_claim_are_damaged_is_watched_like_any_other() -> None:
    store, waited = MemoryStore(), list[float]()
    store.put(LAYOUT.epoch(1), b"")
    store.put(LAYOUT.heartbeat(1), b"\0" * 100)
    assert is_led(store, LAYOUT)
    beats = iter(range(1, 100))
    with (
        pytest.raises(JobTaken, match="elsewhere"),
        DriverLease(store, LAYOUT, wait=waiting([], lambda: elsewhere(store, beat=next(beats)))),
    ):
        pass
    store.put(LAYOUT.heartbeat(1), b"{}")
    with DriverLease(store, LAYOUT, wait=waiting(waited)) as epoch:
        assert epoch.number == 2
    assert sum(waited) >= EXPIRY_S


def test_a_damaged_heartbeat_of_a_driver_that_died_here_is_not_waited_for() -> None:
    store, waited = MemoryStore(), list[float]()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with DriverLease(store, LAYOUT) as first:
        claim = from_json(DriverClaim, store.get(LAYOUT.epoch(first.number)))
    store.put(LAYOUT.epoch(1), to_json(replace(claim, pid=ended.pid)))
    store.put(LAYOUT.heartbeat(1), b"{")
    with DriverLease(store, LAYOUT, wait=waiting(waited)) as epoch:
        assert epoch.number == 2
    assert not waited


def test_keys_that_are_no_leases_are_left_alone() -> None:
    store = MemoryStore()
    for stray in (".DS_Store", "000009 (copy).json", "zzz.json", "000008.json.tmp"):
        store.put(LAYOUT.epochs + stray, b"")
    with DriverLease(store, LAYOUT) as epoch:
        assert epoch.number == 1
