"""The private Ray calls that there is no public way around. Each is harmless when a newer Ray drops it."""

from pathlib import Path

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
