"""On a real autoscaler: a GPU machine on which no step runs, and what steps wait for beside it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray

from slomo_batch.cluster.labels import NEVER, STEPS
from slomo_batch.cluster.nodes import cluster_total
from slomo_batch.errors import ClusterError
from tests.real_cluster.autoscaling import AutoscalingCluster, autoscaling_cluster
from tests.real_cluster.jobs import STORE, until
from tests.real_cluster.stitches import SHORT, opened_engine, outcome_of_one, stitch

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(600)]
NODE_TYPES: dict[str, Any] = {
    "gpu": {
        "resources": {"CPU": 2, "GPU": 1, "object_store_memory": STORE},
        "labels": {STEPS: NEVER},
        "node_config": {},
        "min_workers": 1,
        "max_workers": 1,
    },
    "cpu": {
        "resources": {"CPU": 1, "object_store_memory": STORE},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 1,
    },
}


@contextmanager
def connected(node_types: dict[str, Any]) -> Iterator[AutoscalingCluster]:
    """A cluster whose GPU machine is up, to which this process is connected."""
    with autoscaling_cluster(node_types, {"OMP_NUM_THREADS": "1"}) as started:
        ray.init(address=started.address, log_to_driver=False, logging_level=logging.ERROR)
        until(lambda: cluster_total("GPU") == 1, "the GPU machine is up")
        yield started
        ray.shutdown()


def test_a_step_starts_a_machine_for_steps_while_cpus_of_others_are_idle(tmp_path: Path) -> None:
    with connected(NODE_TYPES) as cluster, opened_engine(tmp_path) as engine:
        engine.start(stitch(SHORT))
        outcome = outcome_of_one(engine)
        assert [node.kind for node in cluster.nodes() if node.node_id == outcome.machine] == ["cpu"]


def test_a_run_ends_if_no_machine_for_steps_can_ever_start(tmp_path: Path) -> None:
    with connected({"gpu": NODE_TYPES["gpu"]}), opened_engine(tmp_path) as engine:
        engine.start(stitch(SHORT))

        def is_refused() -> bool:
            assert engine.outcomes(0.5) == []
            try:
                engine.scale(0)
            except ClusterError as error:
                return "no machine of this cluster can open, split and join videos: no type of machine" in str(error)
            return False

        until(is_refused, "the run ends")
