"""Steps and workers that hang: they are found, ended and tried elsewhere, and the job never waits for ever."""

from math import inf

import pytest

from slomo_batch.attempts import Lost
from slomo_batch.errors import ClusterError
from slomo_batch.scheduler.calls import Call, ChunkCall, Outcome, TaskCall
from slomo_batch.scheduler.hang_timeout import UNKNOWN_LEAST_S
from slomo_batch.scheduler.worker_fleet import START_S
from tests.scheduler.virtual_cpus import VirtualCpus
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import HANGS, Said, Scenario, VirtualRay, chunk_calls, finished, made, succeeds

MACHINES = [f"machine {number}" for number in range(8)]
HANG_S = 60.0


def never(machine: str, call: TaskCall) -> Said:
    """The step, which says nothing."""
    return [(inf, said) for _, said in finished(machine, call)]


# ---- steps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["open", "split", "stitch"])
def test_a_step_that_hangs_on_one_machine_is_killed_and_runs_on_another(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: dict[int, list[str]] = {}

    def task(machine: str, call: TaskCall) -> Said:
        if call.head.step == step:
            where.setdefault(call.head.video, []).append(machine)
        hangs = call.head.step == step and machine == "machine 3"
        return never(machine, call) if hangs else finished(machine, call)

    ray = VirtualRay(MACHINES, Scenario(task=task))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=40, max_workers=8, hang_s=HANG_S).run()
    assert ended.given_up == []
    assert ended.num_published == 40
    hung = [attempt for attempt in ended.failed_attempts if isinstance(attempt, Lost)]
    assert len(hung) == ray.num_cancelled > 0
    assert all(attempt.machine == "machine 3" and attempt.head.step == step for attempt in hung)
    assert all("did not respond for" in attempt.reason and "was killed" in attempt.reason for attempt in hung)
    assert all(machines.count("machine 3") <= 1 for machines in where.values()), "it is kept off that machine"


def test_a_step_that_hangs_everywhere_fails_its_video_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def task(machine: str, call: TaskCall) -> Said:
        hangs = call.head.step == "stitch" and call.head.video == 5
        return never(machine, call) if hangs else finished(machine, call)

    ray = VirtualRay(MACHINES, Scenario(task=task))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=10, max_workers=8, hang_s=HANG_S).run()
    [failed] = ended.given_up
    assert failed.error == "WorkerLost"
    assert "failed 4 times" in failed.reason
    assert ended.num_published == 9


def test_the_very_first_step_may_hang_too(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [1]

    def task(machine: str, call: TaskCall) -> Said:
        left[0] -= 1
        return never(machine, call) if left[0] == 0 else finished(machine, call)

    ray = VirtualRay(MACHINES, Scenario(task=task))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=1, max_workers=8, hang_s=HANG_S).run()
    assert ended.num_published == 1
    assert len(ended.failed_attempts) == 1


def test_a_step_that_waits_for_a_cpu_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        return made(machine, call, seconds=100.0)

    ray = VirtualCpus(Scenario(chunk=slow), cpus=1, num_machines=1)
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=3, max_workers=1, hang_s=HANG_S).run()
    assert ended.failed_attempts == []
    assert ended.num_published == 3
    assert max(ray.steps_waited_s) > 10 * HANG_S


# ---- workers --------------------------------------------------------------------------------------------------------


def test_a_machine_on_which_no_worker_ever_starts_is_excluded_while_others_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def opens(machine: str) -> object:
        return HANGS if machine == "machine 3" else succeeds(machine)

    ray = VirtualRay(MACHINES, Scenario(opens=opens, chunk=lambda machine, call: made(machine, call, seconds=390.0)))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=6, max_workers=8).run()
    assert ended.num_published == 6
    assert ended.failed_attempts == []
    late = [note for note in ended.notes if "did not start within 600 s on machine 3" in note]
    assert len(late) == 3
    assert any(note.startswith("machine 3 gets no more work") for note in ended.notes)


@pytest.mark.parametrize("num_machines", [1, 2, 8])
def test_a_job_none_of_whose_workers_ever_starts_ends_with_the_reason(
    num_machines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = VirtualRay(MACHINES[:num_machines], Scenario(opens=lambda _: HANGS))
    ray.plug_in(monkeypatch)
    with pytest.raises(ClusterError, match=r"failed to start.*did not start within 600 s"):
        VirtualJob(ray, num_videos=2, max_workers=8).run()
    assert ray.now_s < 4 * START_S


def test_a_worker_that_never_reports_anything_of_the_first_chunk_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list(chunk_calls(2))

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        return made(machine, call, seconds=inf if machine == "machine 0" else 10.0)

    ray = VirtualRay(MACHINES[:1], Scenario(chunk=chunk))
    ray.plug_in(monkeypatch)
    engine = ray.engine(max_workers=1, hang_s=HANG_S)
    engine.scale(1)
    while engine.num_workers < 1:
        engine.outcomes(0.5)
    engine.start(calls[0])
    came: list[tuple[Call, Outcome]] = []
    while not came:
        came = engine.outcomes(0.5)
    [(_, lost)] = came
    assert isinstance(lost, Lost)
    assert not lost.explained
    assert UNKNOWN_LEAST_S < ray.now_s < UNKNOWN_LEAST_S + 60
