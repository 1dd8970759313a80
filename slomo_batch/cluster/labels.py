"""Labels of Ray's nodes that say where a step may run, and where it runs best. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slomo_batch.cluster.demand import Resources

NODE_ID = "ray.io/node-id"
"""Ray's label for the id of a node."""
NODE_TYPE = "ray.io/node-group"
"""Ray's label for the type of a node, by its name in the cluster's configuration."""
MARKET, SPOT = "ray.io/market-type", "spot"
"""Ray's label for how a machine is paid for, and its value for a spot machine, which can be taken back at any time."""
STEPS, NEVER = "slomo-batch/steps", "never"
"""Our label, and its value for a machine that makes chunks only: it needs no access to inputs and outputs."""
WHERE_STEPS_RUN = {STEPS: f"!{NEVER}"}
"""The selector of every step. It also matches machines without the label."""


def takes_steps(labels: Mapping[str, str]) -> bool:
    """Whether steps run on a node with these labels."""
    return labels.get(STEPS) != NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A live node."""

    node_id: str
    free: Resources
    """What nothing holds now."""
    is_spot: bool
    has_gpu: bool
    takes_steps: bool = True


def free_on_demand(nodes: Iterable[Node], needs: Resources) -> frozenset[str]:
    """Ids of the nodes on demand where a step finds `needs` free now; those without a GPU, if there are any. None if no
    node is labeled as spot: then nothing is known about any of them."""
    nodes = list(nodes)
    if not any(node.is_spot for node in nodes):
        return frozenset()
    free = [node for node in nodes if node.takes_steps and not node.is_spot and _has(node.free, needs)]
    best = [node for node in free if not node.has_gpu] or free
    return frozenset(node.node_id for node in best)


def _has(free: Resources, needs: Resources) -> bool:
    return all(free.get(name, 0.0) >= amount for name, amount in needs.items())
