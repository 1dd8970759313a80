"""Which machines a long stitch prefers."""

from dataclasses import replace

import pytest

from slomo_batch.cluster.labels import NEVER, STEPS, Node, free_on_demand, takes_steps

NEEDS = {"CPU": 1.0, "scratch_gb": 50.0}


def node(name: str, *, cpus: float = 2.0, gb: float = 80.0, is_spot: bool = False, has_gpu: bool = False) -> Node:
    return Node(node_id=name, free={"CPU": cpus, "scratch_gb": gb}, is_spot=is_spot, has_gpu=has_gpu)


SPOT, LASTING, GPU = node("spot", is_spot=True), node("lasting"), node("gpu", has_gpu=True)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([SPOT, LASTING], {"lasting"}),
        ([SPOT, LASTING, GPU], {"lasting"}),
        ([SPOT, node("busy", cpus=0.0), GPU], {"gpu"}),
        ([SPOT, node("full", gb=49.0), GPU], {"gpu"}),
        ([SPOT, node("busy", cpus=0.5)], set()),
        ([SPOT, replace(LASTING, takes_steps=False), GPU], {"gpu"}),
        ([SPOT], set()),
        ([LASTING, GPU], set()),
        ([], set()),
    ],
)
def test_it_prefers_what_is_free_on_demand_and_without_a_gpu(nodes: list[Node], expected: set[str]) -> None:
    assert free_on_demand(nodes, NEEDS) == expected


def test_steps_run_on_every_machine_but_those_whose_label_says_never() -> None:
    assert not takes_steps({STEPS: NEVER})
    assert takes_steps({STEPS: "always"})
    assert takes_steps({"ray.io/node-id": "abc"})
