"""Asking Ray about its cluster. The private calls that there is no public way around are here and nowhere else."""

from collections.abc import Callable
from typing import Any

import ray
import ray._private.services
import ray._private.state
import ray._raylet
from ray.autoscaler.sdk import request_resources
from ray.core.generated import autoscaler_pb2
from ray.exceptions import RayError

from slomo_batch.cluster.demand import Resources, Supply
from slomo_batch.cluster.gpu_choice import Offer
from slomo_batch.errors import ClusterError

# Untyped, and private: these names appear nowhere else.
_services: Any = ray._private.services  # noqa: SLF001
_raylet: Any = ray._raylet  # noqa: SLF001
_protocol: Any = autoscaler_pb2
HEAD_RESOURCE = "node:__internal_head__"
"""Ray gives it to the head alone."""
ANSWER_S = 10.0
"""How long the cluster's head may take to answer."""


def draining_nodes() -> dict[str, int]:
    """Ids of nodes that are about to be taken away, and when in ms of Unix time; 0 where nobody knows.

    Ray's own Train and Data libraries ask the same way.
    """
    state = getattr(ray._private.state, "state", None)  # noqa: SLF001 see above
    ask = getattr(state, "get_draining_nodes", None)
    return dict(ask()) if ask is not None else {}


def address_here(address: str) -> str:
    """Host and port of the cluster at `address`; where that is empty, of the one this machine belongs to.

    Raises:
        ClusterError: this machine belongs to none.
    """
    try:
        found: str = _services.canonicalize_bootstrap_address_or_die(address or None)
    except (ConnectionError, ValueError) as error:
        raise ClusterError(
            "no Ray runs on this machine", where=address, got=str(error).split(". ")[0], remedy="Give --address."
        ) from error
    return found


def node_here(address: str, node_id: str = "") -> str:
    """Id of the live node that the cluster at `address` has on this machine, empty where there is none (any more).

    `node_id` says which is meant where there are several.

    Raises:
        ClusterError: the cluster does not answer; there are several and nobody says which.
    """
    here = _services.get_node_ip_address(address)
    nodes = _ask(address, lambda gcs: gcs.get_all_node_info(timeout=ANSWER_S))
    found = {key.hex() for key, node in nodes.items() if not node.state and node.node_manager_address == here}
    if node_id:
        found &= {node_id}
    if len(found) > 1:
        raise ClusterError(
            "several nodes run on this machine",
            where=here,
            got=", ".join(sorted(found)),
            remedy="Say which: --node-id.",
        )
    return next(iter(found), "")


def drain_node(address: str, node: str, *, why: str, deadline_ms: int) -> None:
    """Have the cluster give a node nothing new; it leaves once it is idle. A later call moves the deadline.

    `deadline_ms`: when the machine goes, in Unix time; 0 where nobody knows. A node that is not there is no error.

    Raises:
        ClusterError: the cluster does not answer, or refuses.
    """
    reason = _protocol.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    accepted, refusal = _ask(address, lambda gcs: gcs.drain_node(node, reason, why, deadline_ms))
    if not accepted:
        raise ClusterError("Ray refuses to let go of a node", where=node, got=str(refusal))


def _ask(address: str, question: Callable[[Any], Any]) -> Any:
    try:
        return question(_raylet.GcsClient(address=address))
    except (RayError, RuntimeError, OSError, ValueError) as error:
        raise ClusterError("the cluster's head does not answer", where=address, got=str(error)) from error


def alive_nodes() -> frozenset[str]:
    """Ids of the nodes that live."""
    ask: Any = ray.nodes
    return frozenset(node["NodeID"] for node in ask() if node["Alive"])


def working_nodes() -> frozenset[str]:
    """Ids of the nodes that live and offer CPUs, so that something can run there."""
    ask: Any = ray.nodes
    return frozenset(node["NodeID"] for node in ask() if node["Alive"] and node["Resources"].get("CPU", 0) > 0)


def name_of_node(node_id: str) -> str:
    """What a person calls a node: its address and the start of its id."""
    ask: Any = ray.nodes
    address = next((node["NodeManagerAddress"] for node in ask() if node["NodeID"] == node_id), "unknown address")
    return f"{address} (node {node_id[:12]})"


def cluster_total(resource: str) -> float:
    """How much of a resource ("CPU", "GPU") all nodes have together."""
    ask: Any = ray.cluster_resources
    return float(ask().get(resource, 0))


def offer() -> Offer:
    """What the cluster has, and what its autoscaler may start where it reports that."""
    ask: Any = ray.nodes
    nodes = [node["Resources"] for node in ask() if node["Alive"]]
    return Offer(
        num_gpus=cluster_total("GPU"),
        head_has_cpus=any(HEAD_RESOURCE in node and node.get("CPU", 0) > 0 for node in nodes),
        types=_types_of_the_autoscaler(),
    )


def _types_of_the_autoscaler() -> tuple[Resources, ...]:
    config = ray._private.state.state.get_cluster_config()  # noqa: SLF001 see above
    return tuple(dict(kind.resources) for kind in config.node_group_configs if kind.max_count) if config else ()


def supply() -> Supply:
    """What the cluster offers, and what its autoscaler says it can never offer."""
    ask: Any = ray.nodes
    scaling = _autoscaling_state()
    return Supply(
        machines=tuple(node["Resources"] for node in ask() if node["Alive"]),
        has_autoscaler=scaling is not None,
        infeasible=tuple(dict(request.resources_bundle) for request in scaling.infeasible_resource_requests)
        if scaling is not None
        else (),
    )


def _autoscaling_state() -> Any:
    """What the autoscaler reported last; None where there is none, or one that reports nothing."""
    try:
        status = _ask(ray.get_runtime_context().gcs_address, lambda gcs: gcs.get_cluster_status(timeout_s=ANSWER_S))
    except ClusterError:  # the head is busy: whoever waits asks again
        return None
    state = _protocol.GetClusterStatusReply.FromString(status).autoscaling_state
    return state if state.autoscaler_state_version > 0 else None


def ask_for_room(bundles: list[dict[str, float]]) -> None:
    """Have the autoscaler keep machines on which all of these fit at once, used or not; an empty list ends that."""
    request_resources(bundles=bundles)
