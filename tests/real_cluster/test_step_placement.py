"""On a cluster with a GPU machine, a spot machine and one on demand: where steps run, and that none waits for that."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from slomo_batch.attempts import Errored
from slomo_batch.cluster.labels import MARKET, NODE_ID, SPOT
from slomo_batch.cluster.nodes import cluster_total, live_nodes
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.scheduler.step_placement import LONG_STITCH_BYTES
from tests.real_cluster.jobs import STORE, until
from tests.real_cluster.stitches import SHORT, opened_engine, outcome_of_one, stitch

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
KINDS: dict[str, dict[str, Any]] = {
    "gpu": {"num_gpus": 1, "labels": {MARKET: SPOT}},
    "spot": {"labels": {MARKET: SPOT}},
    "on demand": {},
}
NUM_CPUS = 2
"""Of each machine."""


@dataclass
class Machines:
    """Machines by their kind, and what this test holds of them."""

    ids: dict[str, str]
    held: dict[str, list[Any]] = field(default_factory=dict)

    def hold(self, *kinds: str) -> None:
        """Take every CPU of these machines, and of no others."""
        for kind in self.ids.keys() & self.held.keys() - set(kinds):
            for actor in self.held.pop(kind):
                ray.kill(actor)
        for kind in set(kinds) - self.held.keys():
            options = {"num_cpus": 1, "label_selector": {NODE_ID: self.ids[kind]}}
            self.held[kind] = [Held.options(**options).remote() for _ in range(NUM_CPUS)]  # type: ignore[attr-defined]
        until(lambda: self._full() == set(kinds), "the CPUs are held")

    def _full(self) -> set[str]:
        free = {node.node_id: node.free.get("CPU", 0.0) for node in live_nodes()}
        assert all(free[self.ids[kind]] in range(NUM_CPUS + 1) for kind in self.ids)
        return {kind for kind, node_id in self.ids.items() if not free[node_id]}


@ray.remote
class Held:
    """A CPU that is in use."""


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """A head without CPUs, and a machine of each kind."""
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        ids = {
            kind: cluster.add_node(num_cpus=NUM_CPUS, object_store_memory=STORE, **options).node_id
            for kind, options in KINDS.items()
        }
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        until(lambda: cluster_total("CPU") == NUM_CPUS * len(KINDS), "the machines are up")
        yield Machines(ids=ids)
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RayEngine]:
    with opened_engine(tmp_path) as opened:
        yield opened


def kinds_of(machines: Machines, engine: RayEngine, disk_bytes: int, number: int = 1) -> list[str]:
    """Where so many stitches run, one after the other; each ends in an error there, since it finds no segments."""
    return [_kind_of(machines, engine, disk_bytes) for _ in range(number)]


def _kind_of(machines: Machines, engine: RayEngine, disk_bytes: int) -> str:
    engine.start(stitch(disk_bytes))
    outcome = outcome_of_one(engine)
    assert isinstance(outcome, Errored), outcome
    return next(kind for kind, node_id in machines.ids.items() if node_id == outcome.machine)


def test_a_step_takes_a_cpu_of_a_gpu_machine_only_if_no_other_is_free(machines: Machines, engine: RayEngine) -> None:
    machines.hold()
    assert "gpu" not in kinds_of(machines, engine, SHORT, 4)
    machines.hold("on demand")
    assert kinds_of(machines, engine, SHORT, 3) == ["spot"] * 3
    machines.hold("on demand", "spot")
    assert kinds_of(machines, engine, SHORT) == ["gpu"]


def test_a_long_stitch_runs_on_demand_if_there_is_a_free_cpu(machines: Machines, engine: RayEngine) -> None:
    machines.hold()
    assert kinds_of(machines, engine, LONG_STITCH_BYTES, 4) == ["on demand"] * 4
    machines.hold("on demand")
    assert kinds_of(machines, engine, LONG_STITCH_BYTES) == ["spot"]
    machines.hold("on demand", "spot")
    assert kinds_of(machines, engine, LONG_STITCH_BYTES) == ["gpu"]
    machines.hold("on demand", "spot", "gpu")
    engine.start(stitch(LONG_STITCH_BYTES))
    assert engine.outcomes(1.0) == []
    machines.hold("on demand", "gpu")
    until(lambda: engine.outcomes(0.5), "it runs on what becomes free, whatever that is")
