"""A step or a worker on a lost machine is lost for a known reason, and counts against no chunk or step."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster
from ray.exceptions import RayError

from slomo_batch.attempts import Lost
from slomo_batch.cluster.nodes import alive_nodes, cluster_total, drain_node
from slomo_batch.scheduler.step_pool import failure
from slomo_batch.scheduler.worker_deaths import WorkerDeaths
from tests.real_cluster.jobs import until
from tests.scheduler.virtual_ray import open_call

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
MEMORY = 150_000_000
NOTICE_S = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs that detects a lost machine within seconds."""
    settings = {
        "RAY_health_check_initial_delay_ms": "0",
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_timeout_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": MEMORY}
        started: Any = Cluster(initialize_head=True, head_node_args=head)
        ray.init(address=started.address, log_to_driver=False, logging_level=logging.ERROR)
        yield started
        ray.shutdown()
        started.shutdown()


@pytest.fixture
def machine(cluster: Any) -> Iterator[Any]:
    """The only machine with CPUs."""
    node = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    until(lambda: cluster_total("CPU") == 1, "the machine is up")
    yield node
    with suppress(Exception):  # it is gone already
        cluster.remove_node(node, allow_graceful=False)
    until(lambda: node.node_id not in alive_nodes(), "the machine is missed")


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def step() -> Iterator[int]:
    """Begins, and never ends."""
    yield 0
    time.sleep(600)


@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)
class Worker:
    """Likewise."""

    def make(self) -> Iterator[int]:
        """Begins, and never ends."""
        yield 0
        time.sleep(600)


def begun(call: Any) -> Any:
    """The call, once it reports that it runs."""
    assert ray.get(next(call)) == 0
    return call


def is_killed(cluster: Any, machine: Any) -> None:
    cluster.remove_node(machine, allow_graceful=False)


def is_drained_and_ends(cluster: Any, machine: Any) -> None:
    drain_node(cluster.address, machine.node_id, why="spot", deadline_ms=int((time.time() + NOTICE_S) * 1000))
    cluster.remove_node(machine, allow_graceful=True)


def is_drained_and_its_processes_end_first(cluster: Any, machine: Any) -> None:
    drain_node(cluster.address, machine.node_id, why="spot", deadline_ms=int((time.time() + NOTICE_S) * 1000))
    [raylet] = machine.all_processes["raylet"]
    for process in psutil.Process(raylet.process.pid).children(recursive=True):
        if "ray::" in " ".join(process.cmdline()):
            process.kill()


def error_of(call: Any) -> RayError:
    with pytest.raises(RayError) as lost:
        ray.get(next(call))
    return lost.value


@pytest.mark.parametrize("goes", [is_killed, is_drained_and_ends, is_drained_and_its_processes_end_first])
def test_a_step_is_lost_without_blame(goes: Callable[[Any, Any], None], cluster: Any, machine: Any) -> None:
    call = begun(step.remote())
    goes(cluster, machine)
    outcome = failure(open_call(), error_of(call))
    assert isinstance(outcome, Lost), outcome
    assert outcome.explained, outcome.reason


def test_the_chunks_of_a_worker_are_lost_without_blame(cluster: Any, machine: Any) -> None:
    worker: Any = Worker.remote()  # type: ignore[attr-defined] # Ray adds it
    call = begun(worker.make.options(num_returns="streaming").remote())
    is_killed(cluster, machine)
    assert WorkerDeaths(time.monotonic).is_explained(error_of(call), machine.node_id)
