"""Asking Ray about its cluster. The private calls that there is no public way around are here and nowhere else."""

from pathlib import Path
from typing import Any

import ray
import ray._private.state


def draining_nodes() -> frozenset[str]:
    """Ids of nodes that are about to be taken away. Ray's own Train and Data libraries ask the same way."""
    state = getattr(ray._private.state, "state", None)  # noqa: SLF001 see above
    ask = getattr(state, "get_draining_nodes", None)
    return frozenset(ask()) if ask is not None else frozenset()


def cluster_was_started_here() -> bool:
    """Whether `ray start` left the address of a cluster on this machine; `ray.init` of another program does not."""
    return Path("/tmp/ray/ray_current_cluster").is_file()  # noqa: S108 Ray's own place


def alive_nodes() -> frozenset[str]:
    """Ids of the nodes that live."""
    ask: Any = ray.nodes
    return frozenset(node["NodeID"] for node in ask() if node["Alive"])


def cluster_total(resource: str) -> float:
    """How much of a resource ("CPU", "GPU") all nodes have together."""
    ask: Any = ray.cluster_resources
    return float(ask().get(resource, 0))
