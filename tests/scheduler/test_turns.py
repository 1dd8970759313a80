"""What a turn of the engine asks of Ray, with many workers."""

from typing import Any

import pytest
from ray.exceptions import RayActorError

from slomo_batch.attempts import Lost
from slomo_batch.scheduler import worker_deaths
from slomo_batch.scheduler.calls import ChunkCall
from tests.scheduler.steady_state import CHUNK_S, turns_of
from tests.scheduler.virtual_ray import Scenario, VirtualRay, chunk_calls

WAIT_S_PER_REF = 3e-6
"""CPU of a `ray.wait`, for each reference; measured by tests/benchmarks/test_pool.py."""


@pytest.mark.slow
def test_waits_for_many_chunks_take_a_small_part_of_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = turns_of(monkeypatch, num_workers=500, slots=2, seconds=10.0)
    assert turns.num_made >= 0.8 * turns.seconds / CHUNK_S * 500, "workers have work all the time"
    assert turns.refs_waited_for * WAIT_S_PER_REF < 0.08 * turns.seconds


def test_the_nodes_are_queried_once_in_a_turn_however_many_workers_died(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = [f"a {number}" for number in range(50)]

    def dies(machine: str, _: ChunkCall) -> tuple[float, Any]:
        return 10.0 if machine in zone else 1000.0, RayActorError()

    ray = VirtualRay([*zone, "b 0"], Scenario(chunk=dies))
    ray.plug_in(monkeypatch)
    engine = ray.engine(max_workers=51)
    engine.scale(102)
    while engine.num_workers < 51:
        engine.outcomes(0.5)
    for call in chunk_calls(51):
        engine.start(call)
    queries: list[float] = []

    def alive() -> frozenset[str]:
        queries.append(ray.now_s)
        return frozenset(ray.machines)

    monkeypatch.setattr(worker_deaths, "alive_nodes", alive)
    ray.sleep(9.0)
    ray.machines = ["b 0"]
    lost: list[Lost] = []
    num_turns = 0
    while len(lost) < 50:
        came = [outcome for _, outcome in engine.outcomes(0.5) if isinstance(outcome, Lost)]
        lost, num_turns = lost + came, num_turns + bool(came)
    assert {loss.machine for loss in lost} == set(zone)
    assert all(loss.explained for loss in lost)
    assert len(queries) == num_turns < 5
