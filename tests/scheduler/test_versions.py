"""Driver and workers run the same slomo-batch: a machine with another version is reported and gets no work."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from ray.exceptions import RayTaskError

from slomo_batch.attempts import Errored, Lost, Succeeded
from slomo_batch.errors import FolderNotShared, MachineUnfit, VersionMismatch
from slomo_batch.scheduler.calls import TaskCall
from slomo_batch.uri import Uri
from slomo_batch.wiring import Code, JobEnvironment, _planned_method, open_context
from tests.scale.products import RESOLVED
from tests.scheduler.virtual_ray import Said, Scenario, VirtualRay, chunk_calls, finished, made, open_call

OTHERS = [
    pytest.param(Code(version="99.0.0"), id="another version"),
    pytest.param(Code(pixel_revision=99), id="another pixel revision"),
]


@pytest.mark.parametrize("drivers", OTHERS)
def test_a_worker_refuses_a_driver_with_other_code(drivers: Code, tmp_path: Path) -> None:
    sent = pickle.dumps(JobEnvironment(work_uri=Uri(tmp_path), job="job", code=drivers))
    with pytest.raises(VersionMismatch) as refused:
        open_context(pickle.loads(sent))
    assert str(drivers) in str(refused.value)
    assert str(Code()) in str(refused.value)


def test_a_worker_refuses_a_driver_from_before_versions_were_compared(tmp_path: Path) -> None:
    old = object.__new__(JobEnvironment)
    for name, value in {"work_uri": str(tmp_path), "job": "job"}.items():
        object.__setattr__(old, name, value)
    with pytest.raises(VersionMismatch, match="expected an older slomo-batch"):
        open_context(old)


def test_a_worker_accepts_a_driver_with_the_same_code(tmp_path: Path) -> None:
    assert (
        open_context(pickle.loads(pickle.dumps(JobEnvironment(work_uri=Uri(tmp_path), job="job")))).layout.name == "job"
    )


# ---- the machine of such a worker -----------------------------------------------------------------------------------

MISMATCH = VersionMismatch("another slomo_batch", expected=str(Code()), got=str(Code(version="0.0.1")))


NOT_SHARED = FolderNotShared("this machine does not see the shared folder", where="/mnt/archive")


def rolling_update(old: set[str], patch: pytest.MonkeyPatch, error: MachineUnfit = MISMATCH) -> VirtualRay:
    """Four machines, of which some still run an older version, or are unfit for another reason."""

    def opens(machine: str) -> RayTaskError | None:
        if machine not in old:
            return None
        return RayTaskError("open", "traceback", error)  # type: ignore[no-untyped-call] # Ray's is untyped

    def task(machine: str, call: TaskCall) -> Said:
        return [(0.0, Errored(head=call.head, error=error))] if machine in old else finished(machine, call)

    ray = VirtualRay(["a", "b", "c", "d"], Scenario(opens=opens, task=task, chunk=made))
    ray.plug_in(patch)
    return ray


@pytest.mark.parametrize("old", [{"a"}, {"b", "d"}, {"a", "b", "c"}], ids=len)
def test_its_machine_is_named_with_both_versions_and_excluded(old: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ray = rolling_update(old, monkeypatch)
    engine = ray.engine(max_workers=4, num_tasks=8)
    notes: list[str] = []
    for _ in range(20):
        engine.scale(8)
        engine.outcomes(0.5)
        notes += engine.take_notes(at_end=False)
    assert engine.num_workers == 4 - len(old)
    assert len(notes) == len(old)
    for note, machine in zip(sorted(notes), sorted(old), strict=True):
        assert note.startswith(f"{machine} gets no more work: another slomo_batch")
        assert str(Code()) in note
        assert "slomo-batch 0.0.1" in note
    for call in chunk_calls(2):
        engine.start(call)
    outcomes = [outcome for _ in range(60) for _, outcome in engine.outcomes(0.5)]
    assert [type(outcome) for outcome in outcomes] == [Succeeded] * 2


def test_a_step_sent_to_it_is_lost_without_blame_and_runs_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = rolling_update({"a"}, monkeypatch).engine(max_workers=4, num_tasks=8)
    engine.start(open_call())
    [(_, lost)] = [*engine.outcomes(0.5), *engine.outcomes(0.5)]
    assert isinstance(lost, Lost)
    assert lost.explained
    assert "slomo-batch 0.0.1" in lost.reason
    for _ in range(4):
        engine.start(open_call())
    again = [outcome for _ in range(4) for _, outcome in engine.outcomes(0.5)]
    assert [type(outcome) for outcome in again] == [Succeeded] * 4


def test_a_machine_that_does_not_see_a_shared_folder_is_named_and_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = rolling_update({"a"}, monkeypatch, NOT_SHARED).engine(max_workers=4, num_tasks=8)
    engine.start(open_call())
    [(_, lost)] = [*engine.outcomes(0.5), *engine.outcomes(0.5)]
    assert isinstance(lost, Lost)
    assert lost.explained
    [note] = engine.take_notes(at_end=False)
    assert note == f"a gets no more work: {NOT_SHARED}"


def test_the_job_ends_if_no_machine_has_the_drivers_version(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = rolling_update({"a", "b", "c", "d"}, monkeypatch).engine(max_workers=4)
    with pytest.raises(VersionMismatch, match=r"0\.0\.1"):  # noqa: PT012 each machine refuses once
        for _ in range(20):
            engine.scale(8)
            engine.outcomes(0.5)


# ---- the version of a method of another package ----------------------------------------------------------------------


RIFE = "slomo-rife 2.0, pixel version 1"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("blend", f"another version of the interpolation method 'blend' than .* expected {RIFE}"),
        ("rife", f"no interpolation method 'rife' is installed on this machine. Install {RIFE} on every"),
    ],
)
def test_a_worker_with_another_version_of_a_method_than_the_plan_refuses_it(name: str, complaint: str) -> None:
    with pytest.raises(VersionMismatch, match=complaint):
        _planned_method(name, replace(RESOLVED, method_version=RIFE))


def test_a_worker_accepts_the_method_that_a_video_was_planned_with() -> None:
    assert _planned_method("blend", RESOLVED).name == "blend"
