"""Steps beside busy workers: a cluster whose workers are all busy still opens, splits and stitches."""

import pytest

from slomo_batch.scheduler.calls import ChunkCall, Outcome
from tests.scheduler.virtual_cpus import VirtualCpus
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import Scenario, made

CHUNK_S = 100.0


def slow_chunks(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
    return made(machine, call, seconds=CHUNK_S)


@pytest.mark.parametrize(("num_machines", "cpus"), [(1, 8), (3, 2), (2, 16)])
def test_a_cluster_of_cpus_whose_workers_are_all_busy_still_splits_and_stitches(
    num_machines: int, cpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = VirtualCpus(Scenario(chunk=slow_chunks), cpus=cpus, num_machines=num_machines)
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=10, max_workers=100).run()
    assert ended.num_published == 10
    assert ended.failed_attempts == []
    kept = max(1, cpus // 8)
    assert ray.most_on_a_machine == cpus - kept
    assert max(ray.steps_waited_s) < CHUNK_S / 2, "no step waits for a worker to end"
    chunks, workers = 10 * 8, num_machines * (cpus - kept)
    assert ray.now_s < 1.3 * chunks * CHUNK_S / workers + 2 * CHUNK_S, "workers are busy all the time"


def test_a_cluster_that_grows_gets_as_many_workers_as_its_machines_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualCpus(Scenario(chunk=slow_chunks), cpus=4, num_machines=0, most_machines=5)
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=20, max_workers=12).run()
    assert ended.num_published == 20
    assert ray.most_on_a_machine == 3
    assert len(ray.machines) >= 4, "twelve workers need four machines"
    assert ended.failed_attempts == []
    assert ray.now_s < 1.3 * 20 * 8 * CHUNK_S / 12 + 10 * ray.boot_s
