"""Disk for stitches: they go to machines that have it; without enough anywhere, the video fails with the reason."""

from collections import Counter
from dataclasses import replace

import pytest

from slomo_batch.attempts import Errored, Lost, Succeeded
from slomo_batch.errors import DiskFull, TooLittleDisk
from slomo_batch.records.commits import ChunkDone
from slomo_batch.scheduler.calls import ChunkCall, Outcome, StitchCall, TaskCall
from tests.scheduler.virtual_cpus import VirtualCpus
from tests.scheduler.virtual_job import Ended, VirtualJob
from tests.scheduler.virtual_ray import Said, Scenario, VirtualRay, finished, made

GB = 10**9
NUM_VIDEOS = 12


def large(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
    """A chunk with a segment of 10 GB, so that an output of 8 chunks has 80."""
    seconds, outcome = made(machine, call)
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, ChunkDone)
    return seconds, replace(outcome, result=replace(outcome.result, size_bytes=10 * GB))


class Disks:
    """Real disks: a stitch that begins where too little is free says so."""

    def __init__(self, free_gb: dict[str, float], *, stitch_s: float = 100.0) -> None:
        self.free_gb = free_gb
        self.ran_on: Counter[str] = Counter()
        self._stitch_s = stitch_s
        self._ends: list[tuple[float, str]] = []
        self.ray: VirtualRay

    def task(self, machine: str, call: TaskCall) -> Said:
        """What a step reports on this machine."""
        if not isinstance(call, StitchCall):
            return finished(machine, call)
        self._ends = [(end_s, where) for end_s, where in self._ends if end_s > self.ray.now_s]
        used_gb = 85.0 * sum(where == machine for _, where in self._ends)
        if self.free_gb[machine] - used_gb < 85:
            return [(1.0, Errored(head=call.head, error=TooLittleDisk("too little free disk space")))]
        self.ran_on[machine] += 1
        self._ends.append((self.ray.now_s + self._stitch_s, machine))
        return finished(machine, call, seconds=self._stitch_s)


def ran(
    disks: Disks, patch: pytest.MonkeyPatch, *, boots_gb: float = 0.0, **declared_gb: float
) -> tuple[Ended, VirtualCpus]:
    """A job on these machines, which declare such disks; others with `boots_gb` may start."""
    most = len(disks.free_gb) + 2 if boots_gb else 0
    ray = VirtualCpus(Scenario(chunk=large, task=disks.task), cpus=8, num_machines=0, most_machines=most)
    ray.boots_scratch_gb = boots_gb
    ray.machines = list(declared_gb or disks.free_gb)
    ray.scratch_gb = declared_gb
    disks.ray = ray
    ray.plug_in(patch)
    return VirtualJob(ray, num_videos=NUM_VIDEOS, max_workers=8).run(), ray


def test_a_stitch_that_finds_too_little_disk_runs_on_a_machine_with_more(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = Disks({"small": 50, "smaller": 20, "large": 2000})
    ended, _ = ran(disks, monkeypatch)
    assert ended.given_up == []
    assert ended.num_published == NUM_VIDEOS
    assert disks.ran_on == {"large": NUM_VIDEOS}
    assert all(isinstance(attempt, Lost) and attempt.explained for attempt in ended.failed_attempts)
    assert not any("gets no more work" in note for note in ended.notes)


def test_stitches_that_do_not_fit_beside_each_other_run_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = Disks({"one": 100, "two": 50})
    ended, _ = ran(disks, monkeypatch)
    assert ended.given_up == []
    assert ended.num_published == NUM_VIDEOS
    assert len(ended.failed_attempts) < 12 * NUM_VIDEOS


def test_a_video_for_which_no_machine_has_disk_fails_and_says_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, _ = ran(Disks({"one": 50, "two": 50}), monkeypatch)
    assert len(ended.given_up) == NUM_VIDEOS
    assert {failed.error for failed in ended.given_up} == {"TooLittleDisk"}


def test_machines_that_declare_their_disk_never_get_more_stitches_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = Disks({"gpu": 50, "cpu": 400})
    ended, _ = ran(disks, monkeypatch, gpu=50, cpu=400)
    assert ended.failed_attempts == []
    assert disks.ran_on == {"cpu": NUM_VIDEOS}


def test_a_stitch_that_no_declared_disk_can_hold_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = Disks({"gpu": 50, "cpu": 60})
    ended, _ = ran(disks, monkeypatch, gpu=50, cpu=60)
    assert len(ended.given_up) == NUM_VIDEOS
    assert not disks.ran_on
    reason = ended.given_up[0].reason
    assert "scratch_gb of at least" in reason
    assert "got at most 60" in reason


def test_a_stitch_that_needs_more_disk_than_running_machines_have_starts_one_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disks = Disks({"gpu": 50, "machine 0": 400, "machine 1": 400, "machine 2": 400})
    ended, ray = ran(disks, monkeypatch, boots_gb=400, gpu=50)
    assert ended.failed_attempts == []
    assert ended.num_published == NUM_VIDEOS
    assert "gpu" not in disks.ran_on
    assert len(ray.machines) > 1


def test_a_stitch_for_which_no_type_of_machine_has_disk_is_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, ray = ran(Disks({"gpu": 50, "machine 0": 60, "machine 1": 60}), monkeypatch, boots_gb=60, gpu=50)
    assert len(ended.given_up) == NUM_VIDEOS
    assert all("scratch_gb of at least" in failed.reason for failed in ended.given_up)
    assert ray.now_s < 1000


def test_two_stitches_that_fill_a_disk_condemn_no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {"stitch": 2, "chunk": 3}

    def strikes(kind: str, machine: str) -> bool:
        hit = left[kind] > 0 and machine == "machine 1" and (kind == "stitch" or left["stitch"] == 0)
        left[kind] -= hit
        return hit

    def task(machine: str, call: TaskCall) -> Said:
        if isinstance(call, StitchCall) and strikes("stitch", machine):
            return [(5.0, Errored(head=call.head, error=DiskFull("no space left")))]
        return finished(machine, call)

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        if strikes("chunk", machine):
            return 1.0, Errored(head=call.head, error=DiskFull("no space left"))
        return made(machine, call)

    ray = VirtualRay([f"machine {number}" for number in range(4)], Scenario(task=task, chunk=chunk))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=20, max_workers=4).run()
    assert left == {"stitch": 0, "chunk": 0}
    assert ended.num_published == 20
    assert not any("gets no more work" in note for note in ended.notes)


def test_a_disk_that_is_full_without_stitches_excludes_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        full = Errored(head=call.head, error=DiskFull("no space left"))
        return (1.0, full) if machine == "machine 1" else made(machine, call)

    ray = VirtualRay([f"machine {number}" for number in range(4)], Scenario(chunk=chunk))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=4, max_workers=4).run()
    assert ended.num_published == 4
    assert any("machine 1 gets no more work" in note for note in ended.notes)
