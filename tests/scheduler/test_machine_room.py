"""How many workers a machine may hold, so that steps find a CPU."""

from collections.abc import Mapping

import pytest

from slomo_batch.cluster.demand import Resources
from slomo_batch.scheduler.machine_room import MachineRoom, Openings, gpu_notes, kept_for_steps, most_workers


def all_for_steps(machines: Mapping[str, Resources], worker: Resources, held: dict[str, int]) -> dict[str, int]:
    """How many workers machines hold if steps run on all of them."""
    return most_workers(machines, worker, held, for_steps=machines)


CPU, GPU = {"CPU": 1.0}, {"CPU": 1.0, "GPU": 1.0}


@pytest.mark.parametrize(("num_cpus", "kept"), [(1, 1), (2, 1), (8, 1), (9, 2), (16, 2), (64, 8), (96, 12)])
def test_one_cpu_in_eight_and_one_at_least_is_kept(num_cpus: float, kept: int) -> None:
    assert kept_for_steps(num_cpus) == kept


@pytest.mark.parametrize(
    ("machine", "worker", "most"),
    [
        ({"CPU": 8}, {"CPU": 1}, 7),
        ({"CPU": 2}, {"CPU": 1}, 1),
        ({"CPU": 8}, {"CPU": 4}, 1),
        ({"CPU": 64}, {"CPU": 8}, 7),
        ({"CPU": 8, "GPU": 1}, {"CPU": 1, "GPU": 1}, 1),
        ({"CPU": 8, "GPU": 1}, {"CPU": 1, "GPU": 1 / 8}, 7),
        ({"CPU": 96, "GPU": 8}, {"CPU": 12, "GPU": 1}, 7),
        ({"CPU": 96, "GPU": 8}, {"CPU": 10, "GPU": 1}, 8),
        ({"CPU": 8}, {"CPU": 1, "GPU": 1}, 0),
        ({"CPU": 4}, {"CPU": 8}, 0),
    ],
)
def test_workers_get_what_is_left(machine: Resources, worker: Resources, most: int) -> None:
    assert all_for_steps({"a": machine}, worker, {}) == {"a": most}


def test_a_machine_too_small_for_both_takes_a_worker_while_steps_have_cpus_elsewhere() -> None:
    assert all_for_steps({"a": CPU}, {"CPU": 1}, {}) == {"a": 1}, "the only machine: worker and steps take turns"
    assert all_for_steps({"a": GPU, "b": GPU, "c": {"CPU": 2}}, GPU, {}) == {"a": 1, "b": 1, "c": 0}
    assert all_for_steps({"a": CPU, "b": {"CPU": 8}}, CPU, {}) == {"a": 1, "b": 7}


def test_of_machines_that_are_all_too_small_one_in_eight_is_kept_for_steps() -> None:
    machines = {name: {"CPU": 8.0} for name in "abcdefghi"}
    most = all_for_steps(machines, {"CPU": 8}, {"i": 1, "h": 1})
    assert sum(most.values()) == 7
    assert most["h"] == most["i"] == 1, "machines that hold a worker keep it"
    assert all_for_steps({"a": CPU, "b": CPU}, CPU, {"b": 1}) == {"a": 0, "b": 1}


def test_gpus_that_stay_idle_are_reported() -> None:
    machines = {"a": {"CPU": 96.0, "GPU": 8.0}, "b": {"CPU": 96.0, "GPU": 8.0}, "c": {"CPU": 8.0}}
    assert gpu_notes(machines, {"CPU": 10.0, "GPU": 1.0}) == []
    [note] = gpu_notes(machines, {"CPU": 12.0, "GPU": 1.0})
    assert "8 GPUs and 96 CPUs holds no more than 7 workers of 12 CPUs" in note
    [note] = gpu_notes(machines, {"CPU": 1.0, "GPU": 2.0})
    assert "computes on one of them" in note
    assert gpu_notes(machines, {"CPU": 1.0}) == []


def test_openings_are_on_machines_that_are_not_full_nor_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = {name: {"CPU": 4.0} for name in "abc"} | {"d": {"CPU": 8.0, "GPU": 1.0}}
    monkeypatch.setattr("slomo_batch.scheduler.machine_room.machine_resources", lambda: machines)
    monkeypatch.setattr("slomo_batch.scheduler.machine_room.nodes_for_steps", lambda: frozenset(machines))
    room = MachineRoom({"CPU": 1.0, "GPU": 0.0}, lambda: 0.0)
    assert room.openings({"a": 3, "b": 1}, {"c"}) == Openings(
        room=2 + 7, open=frozenset("bd"), full=frozenset("ac"), limited=frozenset("abcd")
    )
    assert room.may_take("b", {"b": 2})
    assert not room.may_take("a", {"a": 3})
    assert room.may_take("a machine that has just joined", {})
    assert MachineRoom({}, lambda: 0.0).openings({"a": 3}, ()) == Openings()


def test_nothing_is_kept_on_a_machine_on_which_no_step_runs() -> None:
    machines = {"a": {"CPU": 8.0, "GPU": 1.0}, "b": {"CPU": 8.0, "GPU": 1.0}}
    worker = {"CPU": 8.0, "GPU": 1.0}
    assert most_workers(machines, worker, {}, for_steps={"b"}) == {"a": 1, "b": 1}, "steps and a worker take turns on b"
    assert most_workers(machines, worker, {}, for_steps=()) == {"a": 1, "b": 1}
    assert most_workers(machines, {"CPU": 1.0}, {}, for_steps={"b"}) == {"a": 8, "b": 7}
