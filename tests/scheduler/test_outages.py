"""Whole jobs, in virtual time, whose store is away for a while, or cannot be used from some machines."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from slomo_batch.attempts import Errored
from slomo_batch.errors import JobTaken, SlomoError, StorageBusy, StoreUnusable, StoreUnusableHere
from slomo_batch.report.events import Event, JobPaused, JobResumed, Note, Snapshot
from slomo_batch.scheduler import driver
from slomo_batch.scheduler.calls import ChunkCall, Outcome, TaskCall
from slomo_batch.scheduler.outage import CANARY_S, REFUSED_S
from tests.memory_store import MemoryStore
from tests.scheduler.virtual_job import Ended, VirtualJob
from tests.scheduler.virtual_ray import Said, Scenario, VirtualRay, finished, made

FAILS_S = 8.0
"""Seconds of a call that finds the store busy: boto3's five tries."""
REFUSED_AFTER_S = 1.0
"""Seconds of a call without credentials."""
AWAY_S = 300.0
NUM_VIDEOS = 12


class DriversStore(MemoryStore):
    """The work place as the driver sees it: `error` says what is wrong with it now."""

    def __init__(self, error: Callable[[], SlomoError | None]) -> None:
        super().__init__()
        self._error = error

    def put(self, key: str, data: bytes) -> None:
        error = self._error()
        if error is not None:
            raise error
        super().put(key, data)


@dataclass(kw_only=True)
class Weather:
    """A store that is away from `from_s` to `until_s`, for these machines or all."""

    error: SlomoError
    from_s: float = 30.0
    until_s: float = 30.0 + AWAY_S
    machines: frozenset[str] | None = None
    driver_too: bool = True
    num_failed: int = 0
    ray: VirtualRay = field(init=False)

    def job(self, patch: pytest.MonkeyPatch, *, num_machines: int = 10) -> VirtualJob:
        self.ray = VirtualRay(
            [f"machine {number}" for number in range(num_machines)], Scenario(task=self._task, chunk=self._chunk)
        )
        self.ray.plug_in(patch)
        store = DriversStore(lambda: self.error if self._is_away("driver") else None)
        return VirtualJob(
            self.ray, num_videos=NUM_VIDEOS, max_workers=num_machines, store=store, num_machines=num_machines
        )

    @property
    def _fails_s(self) -> float:
        return FAILS_S if isinstance(self.error, StorageBusy) else REFUSED_AFTER_S

    def _is_away(self, who: str) -> bool:
        if not self.from_s <= self.ray.now_s < self.until_s:
            return False
        return self.driver_too if who == "driver" else self.machines is None or who in self.machines

    def _task(self, machine: str, call: TaskCall) -> Said:
        if self._is_away(machine):
            self.num_failed += 1
            return [(self._fails_s, Errored(head=call.head, error=self.error))]
        return finished(machine, call)

    def _chunk(self, machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        if self._is_away(machine):
            self.num_failed += 1
            return self._fails_s, Errored(head=call.head, error=self.error)
        return made(machine, call)


BUSY = StorageBusy("the store is busy", where="s3://bucket/key")
REFUSED = StoreUnusableHere("no usable credentials", where="s3://bucket/key")


def shown(ended: Ended, kind: type[Event]) -> list[Event]:
    return [event for event in ended.events if isinstance(event, kind)]


def expect_all_published(ended: Ended) -> None:
    assert [failed.reason for failed in ended.given_up] == []
    assert ended.num_published == NUM_VIDEOS


@pytest.mark.parametrize("driver_too", [True, False], ids=["for all", "for workers only"])
@pytest.mark.parametrize("num_machines", [1, 2, 10])
def test_an_outage_costs_its_own_time_and_a_call_every_few_seconds(
    num_machines: int, driver_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Weather(error=BUSY, from_s=0, until_s=0)
    expect_all_published(quiet.job(monkeypatch, num_machines=num_machines).run())
    weather = Weather(error=BUSY, driver_too=driver_too)
    ended = weather.job(monkeypatch, num_machines=num_machines).run()
    expect_all_published(ended)
    assert weather.ray.now_s < quiet.ray.now_s + AWAY_S + 2 * CANARY_S + FAILS_S + 15, "and what was in flight"
    in_flight = 8 + 2 * num_machines
    assert weather.num_failed < in_flight * 3 + AWAY_S / CANARY_S + 8
    [paused] = shown(ended, JobPaused)
    [resumed] = shown(ended, JobResumed)
    assert isinstance(paused, JobPaused)
    assert isinstance(resumed, JobResumed)
    assert "the store is busy" in paused.reason
    assert AWAY_S - 50 < resumed.seconds < AWAY_S + 50
    phases = [event.phase for event in ended.events if isinstance(event, Snapshot)]
    assert phases.count("paused") > 10


def test_an_outage_for_too_long_ends_the_run_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    weather = Weather(error=BUSY, until_s=1e9)
    monkeypatch.setattr(driver, "MAX_PAUSE_S", 1800.0)
    with pytest.raises(StoreUnusable, match=r"has not answered for 0.5 hours, got s3://bucket/key: the store is busy"):
        weather.job(monkeypatch).run()
    assert 1800 < weather.ray.now_s < 2000
    assert len(weather.ray.killed) >= 8, "workers are let go, except those on which the canaries take turns"


def test_a_stop_during_an_outage_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    job = (weather := Weather(error=BUSY, driver_too=False)).job(monkeypatch)
    job.stops_s = 100.0
    ended = job.run()
    assert ended.given_up == []
    assert ended.num_published < NUM_VIDEOS
    assert weather.ray.now_s < 100 + 4 * FAILS_S


def test_a_driver_that_was_superseded_during_an_outage_starts_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weather = Weather(error=BUSY)
    job = weather.job(monkeypatch)
    job.check_superseded = lambda: weather.ray.now_s > 100
    with pytest.raises(JobTaken):
        job.run()
    assert weather.until_s < weather.ray.now_s < weather.until_s + CANARY_S + FAILS_S + 2


def test_a_driver_that_cannot_ask_for_its_lease_yet_stays_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    weather = Weather(error=BUSY, driver_too=False)
    job = weather.job(monkeypatch)

    def check() -> bool:
        if weather.ray.now_s < 500:
            raise BUSY
        return False

    job.check_superseded = check
    ended = job.run()
    expect_all_published(ended)
    [resumed] = shown(ended, JobResumed)
    assert isinstance(resumed, JobResumed)
    assert 400 < resumed.seconds < 500


def test_an_object_that_can_never_be_read_fails_its_video_and_ends_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualRay(["only"], Scenario())

    def task(machine: str, call: TaskCall) -> Said:
        unreadable = call.head.step == "open" and call.head.video >= 10
        return [(0.3, Errored(head=call.head, error=BUSY))] if unreadable else finished(machine, call)

    ray.scenario = Scenario(task=task)
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=14, max_workers=1, num_machines=1).run()
    assert ended.num_published == 10
    assert [failed.error for failed in ended.given_up] == ["StorageBusy"] * 4
    assert ray.now_s < 2000


# ---- credentials, certificates, clocks ------------------------------------------------------------------------------


def test_machines_without_credentials_are_set_aside_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sick = frozenset({"machine 2", "machine 7"})
    weather = Weather(error=REFUSED, until_s=1e9, machines=sick, driver_too=False)
    ended = weather.job(monkeypatch).run()
    expect_all_published(ended)
    assert shown(ended, JobPaused) == []
    notes = [event.text for event in ended.events if isinstance(event, Note)]
    assert sorted(note.split(" gets no more work: ")[0] for note in notes) == sorted(sick)
    assert all("no usable credentials" in note for note in notes)


@pytest.mark.parametrize("driver_too", [True, False], ids=["for all", "for workers only"])
@pytest.mark.parametrize("num_machines", [1, 2, 10])
def test_credentials_that_fail_everywhere_for_some_seconds_cost_no_video(
    num_machines: int, driver_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    weather = Weather(error=REFUSED, until_s=30.0 + REFUSED_S / 2, driver_too=driver_too)
    ended = weather.job(monkeypatch, num_machines=num_machines).run()
    expect_all_published(ended)


@pytest.mark.parametrize("driver_too", [True, False], ids=["for all", "for workers only"])
@pytest.mark.parametrize("num_machines", [1, 2, 10])
def test_credentials_that_fail_everywhere_for_good_end_the_job_soon(
    num_machines: int, driver_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    weather = Weather(error=REFUSED, until_s=1e9, driver_too=driver_too)
    with pytest.raises(StoreUnusableHere, match="no usable credentials"):
        weather.job(monkeypatch, num_machines=num_machines).run()
    assert weather.ray.now_s < 30 + REFUSED_S + 60
