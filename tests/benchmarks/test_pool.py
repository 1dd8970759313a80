"""What the engine costs the driver with many workers: its turns in virtual time, and the waits of the real Ray."""

import time
from typing import Any

import pytest
import ray

from tests.scheduler.steady_state import turns_of

pytestmark = pytest.mark.bench
NUM_WORKERS = 1000
SECONDS = 30.0
SIZES = [(1, 2), (10, 2), (100, 2), (NUM_WORKERS, 2), (NUM_WORKERS, 3)]
"""Workers, and chunks that each holds."""
NUM_WAITS = 20
MOST = 0.5
"""Of a core."""


@pytest.fixture(scope="module")
def wait_s() -> float:
    """CPU of one `ray.wait`, by reference, for calls of an actor that do not end."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        remote: Any = ray.remote(num_cpus=0)(_Silent)
        actor = remote.remote()
        refs = [actor.make.options(num_returns="streaming").remote() for _ in range(3 * NUM_WORKERS)]
        ray.wait(refs, num_returns=1, timeout=3, fetch_local=False)
        began_s = time.process_time()
        for _ in range(NUM_WAITS):
            ray.wait(refs, num_returns=len(refs), timeout=0.15, fetch_local=False)
        return (time.process_time() - began_s) / NUM_WAITS / len(refs)
    finally:
        ray.shutdown()


class _Silent:
    """An actor whose calls report nothing."""

    def make(self) -> Any:
        time.sleep(3600)
        yield


@pytest.mark.parametrize(("num_workers", "slots"), SIZES)
def test_the_engine_takes_less_than_half_a_core(
    num_workers: int, slots: int, wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = turns_of(monkeypatch, num_workers=num_workers, slots=slots, seconds=SECONDS)
    ms_waiting = 1000 * wait_s * turns.refs_waited_for / turns.num_turns
    ms_else = 1000 * turns.cpu_s / turns.num_turns
    share = (wait_s * turns.refs_waited_for + turns.cpu_s) / turns.seconds
    chunks_per_s, turns_per_s = turns.num_made / turns.seconds, turns.num_turns / turns.seconds
    print(  # noqa: T201 the product of a benchmark
        f"{num_workers:5} workers, {num_workers * slots:5} chunks held, {chunks_per_s:4.1f} chunks/s: "
        f"{turns_per_s:4.1f} turns/s, each {ms_waiting:5.2f} ms of CPU in ray.wait ({1e6 * wait_s:.2f} us a call) "
        f"and {ms_else:5.2f} ms in the pool: {share:.1%} of a core"
    )
    assert share < MOST
