"""What a turn of the pool costs the driver with a thousand workers that hold two thousand chunks."""

import time
from collections.abc import Callable

import pytest

from tests.scheduler.virtual_ray import Scenario, VirtualRay, chunk_calls, made

pytestmark = pytest.mark.bench
NUM_WORKERS = 1000
NUM_TURNS = 50
MOST_MS = 10.0
"""CPU of one turn; the driver takes tens of turns a second. 0.7 was measured."""


def test_a_turn_with_a_thousand_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = [f"{number:056d}" for number in range(NUM_WORKERS)]
    ray = VirtualRay(machines, Scenario(chunk=lambda machine, call: made(machine, call, seconds=1e6)))
    ray.plug_in(monkeypatch)
    engine = ray.engine(max_workers=NUM_WORKERS)
    engine.scale(2 * NUM_WORKERS)
    while engine.num_workers < NUM_WORKERS:
        engine.outcomes(0.5)
    for call in chunk_calls(2 * NUM_WORKERS):
        engine.start(call)
    while engine.outcomes(0.0):
        pass
    costs = {}
    turns: dict[str, Callable[[], object]] = {
        "scale": lambda: engine.scale(2 * NUM_WORKERS),
        "room for chunks": lambda: engine.chunk_room(2 * NUM_WORKERS),
        "number of workers": lambda: engine.num_workers,
        "chunks that wait": engine._pool.start_waiting,
        "workers that hang": engine._pool.take_back,
        "references to wait for": lambda: engine._pool.refs,
    }
    for name, turn in turns.items():
        began_s = time.process_time()
        for _ in range(NUM_TURNS):
            turn()
        costs[name] = 1000 * (time.process_time() - began_s) / NUM_TURNS
    print()  # noqa: T201 the product of a benchmark
    for name, cost in costs.items():
        print(f"{name:24} {cost:6.2f} ms of CPU")  # noqa: T201 as above
    assert sum(costs.values()) < MOST_MS
