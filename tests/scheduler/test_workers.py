"""The number of workers of a job on a cluster, and of steps beside them."""

from collections.abc import Callable

import pytest

from slomo_batch.scheduler.limits import COUNT_CPUS_S, MIN_STEPS
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.scheduler.worker_fleet import IDLE_S
from tests.scheduler.virtual_ray import Scenario, VirtualRay, chunk_calls, made

FOREVER_S = 10_000.0
Cluster = Callable[[int], VirtualRay]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster of so many machines, on which a chunk never ends."""

    def started(num_machines: int) -> VirtualRay:
        machines = [f"machine {number:03d}" for number in range(num_machines)]
        ray = VirtualRay(machines, Scenario(chunk=lambda machine, call: made(machine, call, seconds=FOREVER_S)))
        ray.plug_in(monkeypatch)
        return ray

    return started


def engine_with_workers(ray: VirtualRay, number: int) -> RayEngine:
    """An engine whose workers are all up."""
    engine = ray.engine(max_workers=number)
    engine.scale(2 * number)
    while engine.num_workers < number:
        engine.outcomes(0.5)
    return engine


@pytest.mark.parametrize(("num_workers", "num_busy"), [(100, 50), (8, 1)])
def test_idle_workers_are_removed_however_many_busy_ones_are_older(
    num_workers: int, num_busy: int, cluster: Cluster
) -> None:
    ray = cluster(num_workers)
    engine = engine_with_workers(ray, num_workers)
    for call in chunk_calls(num_busy):
        engine.start(call)
    ray.sleep(IDLE_S + 1)
    for _ in range(3):
        engine.scale(num_busy)
    assert engine.num_workers == num_busy
    assert len(ray.killed) == num_workers - num_busy


def test_workers_start_for_foreseen_chunks_and_go_if_these_do_not_come(cluster: Cluster) -> None:
    ray = cluster(8)
    engine = ray.engine(max_workers=100)
    engine.scale(0, foreseen=10)
    assert engine.num_pending == 5
    while engine.num_workers < 5:
        engine.outcomes(0.5)
        engine.scale(0, foreseen=10)
    ray.sleep(IDLE_S + 1)
    engine.scale(0, foreseen=0)
    assert engine.num_workers == engine.num_pending == 0


def test_workers_without_gpus_leave_the_cpus_to_the_steps_before_their_chunks(cluster: Cluster) -> None:
    ray = cluster(8)
    ray.num_gpus = 0
    engine = ray.engine(max_workers=100)
    engine.scale(0, foreseen=10)
    assert engine.num_pending == 0


def test_workers_waiting_for_a_machine_are_removed_before_any_that_has_one(cluster: Cluster) -> None:
    ray = cluster(2)
    engine = ray.engine(max_workers=5)
    engine.scale(10)
    while engine.num_workers < 2:
        engine.outcomes(0.5)
    engine.scale(4)
    assert ray.killed == ["", "", ""]
    assert engine.num_workers == 2


def test_steps_use_the_cpus_that_no_gpu_worker_holds(cluster: Cluster) -> None:
    ray = cluster(8)
    ray.num_cpus = 0
    engine = ray.engine(max_workers=1000)
    assert engine.task_room == MIN_STEPS, "steps that wait are what has the first machine started"
    ray.num_cpus = 40
    assert engine.task_room == MIN_STEPS
    ray.sleep(COUNT_CPUS_S)
    assert engine.task_room == 80
    engine.scale(16)
    while engine.num_workers < 8:
        engine.outcomes(0.5)
    ray.sleep(COUNT_CPUS_S)
    assert engine.task_room == 64
    ray.without_steps = frozenset(ray.machines[:4])
    ray.sleep(COUNT_CPUS_S)
    assert engine.task_room == 2 * (20 - 4), "of machines on which steps run"
    ray.without_steps = frozenset()
    ray.num_cpus = 8000
    ray.sleep(COUNT_CPUS_S)
    assert engine.task_room == 334, "one step for three workers"
