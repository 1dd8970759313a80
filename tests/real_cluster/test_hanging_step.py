"""A step that hangs on a real Ray: its process is killed, and its CPU is free for others. About a minute."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from slomo_batch.attempts import Lost, Succeeded
from slomo_batch.cluster.nodes import free_resources
from slomo_batch.scheduler.calls import Call, OpenCall, Outcome
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.attempts import step_head
from tests.clips.catalogue import clip
from tests.scheduler.stuck import late, stuck
from tests.steps.test_changed_source import PIN, requested

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
NEEDS = WorkerNeeds(min_workers=0, max_workers=1, num_gpus=0, num_cpus=0, slots=1, cores=1, hang_s=2)


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """A Ray on which one step runs at a time."""
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


def result(engine: RayEngine, call: Call) -> Outcome:
    """The outcome of a step."""
    engine.start(call)
    while not (came := engine.outcomes(0.5)):
        pass
    [(_, outcome)] = came
    return outcome


@pytest.mark.usefixtures("one_cpu")
def test_a_step_that_hangs_is_killed_and_the_next_one_runs(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip("cfr").data)
    environment = JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job")
    request = requested(source, open_context(environment))
    good = OpenCall(head=step_head("open"), request=request, pin=PIN, remake=False)
    engine = RayEngine(environment, NEEDS, num_tasks=1)
    assert isinstance(result(engine, good), Succeeded)
    for hang in (stuck, late):
        lost = result(engine, hang(good, tmp_path / "never"))
        assert isinstance(lost, Lost), lost
        assert not lost.explained
        assert lost.machine
        assert "was killed" in lost.reason
        assert isinstance(result(engine, good), Succeeded)
    engine.close()


@pytest.mark.usefixtures("one_cpu")
def test_what_is_free_on_a_machine_is_what_no_step_holds() -> None:
    [machine] = free_resources()
    assert free_resources()[machine]["CPU"] == 1.0
    sleeper = ray.remote(num_cpus=1)(lambda: time.sleep(600)).remote()
    deadline = time.monotonic() + 60
    while free_resources()[machine].get("CPU", 0.0) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert free_resources()[machine].get("CPU", 0.0) == 0.0
    ray.cancel(sleeper, force=True)
