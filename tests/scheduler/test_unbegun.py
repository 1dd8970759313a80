"""Steps and workers that no process begins are taken back, and those that wait for room are not."""

import subprocess
import sys

import pytest

from slomo_batch.attempts import Lost
from slomo_batch.errors import ClusterError
from slomo_batch.scheduler.calls import ChunkCall, Outcome, TaskCall
from slomo_batch.scheduler.room_watch import BEGIN_S
from tests.scheduler.virtual_cpus import VirtualCpus
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import Said, Scenario, VirtualRay, finished, made, open_call


def slow(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
    return made(machine, call, seconds=BEGIN_S / 2)


@pytest.mark.parametrize("step", ["open", "split", "stitch"])
def test_a_step_that_no_process_begins_is_taken_back_and_made_by_another(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung: list[str] = []

    def begins(machine: str, call: TaskCall) -> bool:
        hangs = call.head.step == step and not hung
        hung.extend([machine] * hangs)
        return not hangs

    ray = VirtualCpus(Scenario(begins=begins), cpus=2, num_machines=2)
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=1, max_workers=1).run()
    assert ended.num_published == 1
    [lost] = ended.failed_attempts
    assert isinstance(lost, Lost)
    assert lost.head.step == step
    assert lost.explained
    assert "although a machine had room for it" in lost.reason
    assert ray.num_cancelled == 1
    assert not [note for note in ended.notes if "gets no more work" in note]
    assert ray.now_s < 2 * BEGIN_S


def test_steps_that_wait_for_a_cpu_are_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualCpus(Scenario(chunk=slow), cpus=1, num_machines=1)
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=2, max_workers=1, hang_s=1e6).run()
    assert max(ray.steps_waited_s) > BEGIN_S
    assert ended.failed_attempts == []
    assert ended.num_published == 2


def test_steps_that_wait_for_a_machine_to_boot_are_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualCpus(Scenario(), cpus=2, num_machines=0, most_machines=1)
    ray.boot_s = 3 * BEGIN_S
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=2, max_workers=1).run()
    assert max(ray.steps_waited_s) >= 3 * BEGIN_S
    assert ended.failed_attempts == []
    assert ended.num_published == 2


def test_a_worker_that_no_process_begins_is_replaced_while_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    begun_on: list[str] = []

    def tells(machine: str) -> bool:
        begun_on.append(machine)
        return begun_on.count("machine 1") != 1 or machine != "machine 1"

    ray = VirtualRay([f"machine {number}" for number in range(4)], Scenario(tells=tells, chunk=slow))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=6, max_workers=3).run()
    assert ended.num_published == 6
    assert ended.failed_attempts == []
    [note] = [note for note in ended.notes if "another one is started" in note]
    assert "no process began a worker within 600 s although a machine had room for it" in note


def test_workers_that_wait_for_a_machine_are_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualRay(["machine 0"], Scenario(chunk=slow))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=1, max_workers=3).run()
    assert ray.now_s > 2 * BEGIN_S
    assert ended.num_published == 1
    assert ended.notes == []


def test_a_job_none_of_whose_workers_is_ever_begun_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualRay([f"machine {number}" for number in range(8)], Scenario(tells=lambda _: False))
    ray.plug_in(monkeypatch)
    with pytest.raises(ClusterError, match=r"failed to start.*no process began a worker within 600 s"):
        VirtualJob(ray, num_videos=2, max_workers=4).run()
    assert ray.now_s < 4 * BEGIN_S


def test_a_step_waits_until_a_machine_has_begun_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def long(machine: str, call: TaskCall) -> Said:
        return finished(machine, call, seconds=100.0)

    ray = VirtualCpus(Scenario(task=long), cpus=1, num_machines=1)
    ray.plug_in(monkeypatch)
    engine = ray.engine(max_workers=1)
    for _ in range(3):
        engine.start(open_call())
    waits: dict[float, float] = {}
    for at_s in (50.0, 150.0, 250.0):
        while ray.now_s < at_s:
            engine.outcomes(0.5)
        waits[at_s] = engine.waiting_s.get("open", 0.0)
    assert waits == {50.0: pytest.approx(50.0, abs=1), 150.0: pytest.approx(150.0, abs=1), 250.0: 0.0}


@pytest.mark.parametrize("module", ["step_task", "worker_actor"])
def test_a_process_says_where_it_runs_before_anything_is_loaded(module: str) -> None:
    code = (
        f"import sys; from slomo_batch.scheduler import {module};"
        "print(*sorted(name for name in sys.modules if name.startswith('slomo_batch.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == [
        "slomo_batch.scheduler",
        "slomo_batch.scheduler.parcel",
        f"slomo_batch.scheduler.{module}",
        "slomo_batch.version",
    ]
