"""The first run of a job learns from its first worker what workers can do, while those for all videos start."""

import pytest

from slomo_batch.errors import ClusterError, Interrupted
from slomo_batch.scheduler.abilities import Abilities
from slomo_batch.scheduler.first_worker import abilities_of_first_worker
from slomo_batch.scheduler.stop_signals import StopRequests
from slomo_batch.scheduler.worker_fleet import START_S
from tests.scheduler.test_trouble import machines
from tests.scheduler.virtual_ray import HANGS, Scenario, VirtualRay, succeeds


class Stopped(StopRequests):
    """A stop was requested."""

    @property
    def is_asked(self) -> bool:
        return True


def found(ray: VirtualRay, *, num_videos: int, max_workers: int = 8, stop: StopRequests | None = None) -> list[object]:
    """What the first worker can do, then the workers that are up and those that wait, then what was said."""
    engine, messages = ray.engine(max_workers=max_workers), list[str]()
    able = abilities_of_first_worker(engine, num_videos, stop=stop or StopRequests(), tell=messages.append)
    return [able, engine.num_workers, engine.num_pending, messages]


def cluster(patch: pytest.MonkeyPatch, num_machines: int, **scenario: object) -> VirtualRay:
    """A cluster whose machines' workers tell their machine."""

    def able(machine: str) -> Abilities:
        return Abilities(precision="bf16", device=machine)

    ray = VirtualRay(machines("machine", num_machines), Scenario(able=able, **scenario))  # type: ignore[arg-type]
    ray.plug_in(patch)
    return ray


WAITING, FINDING_OUT = "waiting for a machine with room for a worker", "finding out what a worker can do"


def test_workers_for_all_videos_start_with_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    able, num_up, num_pending, messages = found(cluster(monkeypatch, 3), num_videos=10, max_workers=4)
    assert able == Abilities(precision="bf16", device="machine 0")
    assert (num_up, num_pending) == (3, 1)
    assert messages == [WAITING, FINDING_OUT]


def test_one_video_takes_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    _, num_up, num_pending, _ = found(cluster(monkeypatch, 3), num_videos=1)
    assert (num_up, num_pending) == (1, 0)


def test_workers_without_gpus_leave_the_cpus_to_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = cluster(monkeypatch, 3)
    ray.num_gpus = 0.0
    _, num_up, num_pending, _ = found(ray, num_videos=10)
    assert (num_up, num_pending) == (1, 0)


def test_a_machine_on_which_it_hangs_is_left_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = cluster(monkeypatch, 2, opens=lambda machine: HANGS if machine == "machine 0" else succeeds(machine))
    [able, *_] = found(ray, num_videos=1)
    assert able == Abilities(precision="bf16", device="machine 1")
    assert START_S < ray.now_s < START_S + 60


def test_a_stop_is_heard_while_no_machine_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Interrupted, match="before a machine was up"):
        found(cluster(monkeypatch, 0), num_videos=1, stop=Stopped())


def test_it_ends_if_no_machine_can_hold_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="no worker can ever start"):
        found(cluster(monkeypatch, 0), num_videos=1)
