"""Where steps run: long stitches on machines that are not taken back, and none on machines that are for chunks only."""

from collections import Counter
from dataclasses import replace

import pytest

from slomo_batch.attempts import Errored, Succeeded
from slomo_batch.cluster.demand import JOINED_WITHIN_S, Supply
from slomo_batch.errors import ClusterError, StorageBusy
from slomo_batch.records.commits import ChunkDone
from slomo_batch.scheduler import step_placement
from slomo_batch.scheduler.calls import ChunkCall, Outcome, StitchCall, TaskCall
from slomo_batch.scheduler.step_placement import check_that_a_step_can_run
from tests.scheduler.virtual_cpus import VirtualCpus
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import Said, Scenario, finished, made

NUM_VIDEOS = 8
SPOT = frozenset({"machine 0", "machine 1"})


def stitches_by_machine(
    patch: pytest.MonkeyPatch, *, segment_gb: float, cpus: int = 8, spot: frozenset[str] = SPOT
) -> Counter[str]:
    """Where a job on three machines joins its videos, of eight segments each."""
    ran_on: Counter[str] = Counter()

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        seconds, outcome = made(machine, call)
        assert isinstance(outcome, Succeeded)
        assert isinstance(outcome.result, ChunkDone)
        return seconds, replace(outcome, result=replace(outcome.result, size_bytes=int(segment_gb * 10**9)))

    def task(machine: str, call: TaskCall) -> Said:
        if not isinstance(call, StitchCall):
            return finished(machine, call)
        ran_on[machine] += 1
        return finished(machine, call, seconds=100)

    ray = VirtualCpus(Scenario(chunk=chunk, task=task), cpus=cpus, num_machines=3)
    ray.spot = spot
    ray.plug_in(patch)
    ended = VirtualJob(ray, num_videos=NUM_VIDEOS, max_workers=8).run()
    assert ended.num_published == NUM_VIDEOS
    return ran_on


def test_long_stitches_run_on_the_machine_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    ran_on = stitches_by_machine(monkeypatch, segment_gb=10)
    assert ran_on == {"machine 2": NUM_VIDEOS}


def test_short_ones_run_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    ran_on = stitches_by_machine(monkeypatch, segment_gb=1)
    assert "machine 2" not in ran_on, "the simulated Ray takes the first machine with a free CPU"


def test_without_spot_machines_long_ones_run_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    ran_on = stitches_by_machine(monkeypatch, segment_gb=10, spot=frozenset())
    assert "machine 2" not in ran_on


def test_they_run_elsewhere_if_the_machine_on_demand_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    ran_on = stitches_by_machine(monkeypatch, segment_gb=10, cpus=3)
    assert ran_on["machine 2"] > 0
    assert ran_on.total() > ran_on["machine 2"]


def test_no_step_runs_on_machines_for_chunks_only_and_one_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran_on: Counter[str] = Counter()
    fails = iter([True, True])

    def task(machine: str, call: TaskCall) -> Said:
        ran_on[machine] += 1
        if next(fails, False):
            return [(1.0, Errored(head=call.head, error=StorageBusy("the store is busy")))]
        return finished(machine, call)

    ray = VirtualCpus(Scenario(task=task), cpus=8, num_machines=3)
    ray.without_steps = frozenset({"machine 0", "machine 2"})
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=NUM_VIDEOS, max_workers=8).run()
    assert ended.num_published == NUM_VIDEOS
    assert ran_on.keys() == {"machine 1"}
    assert len(ended.failed_attempts) == 2


def test_a_cluster_without_a_machine_for_steps_ends_the_job_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_placement, "supply_for_steps", lambda: Supply(machines=(), has_autoscaler=False))
    check_that_a_step_can_run(0.0)
    check_that_a_step_can_run(JOINED_WITHIN_S - 1)
    with pytest.raises(ClusterError, match="no machine of this cluster can open, split and join videos") as raised:
        check_that_a_step_can_run(JOINED_WITHIN_S)
    assert "without the label slomo-batch/steps: never" in str(raised.value)
