"""Queries to Ray about its cluster. Private calls of Ray that have no public equivalent are in this module only."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import ray
import ray._private.authentication.http_token_authentication
import ray._private.services
import ray._private.state
import ray._raylet
from ray.autoscaler.sdk import request_resources
from ray.core.generated import autoscaler_pb2
from ray.exceptions import RayError

from slomo_batch.cluster.demand import Resources, Supply
from slomo_batch.cluster.gpu_choice import Offer
from slomo_batch.cluster.labels import MARKET, NODE_TYPE, SPOT, Node, takes_steps
from slomo_batch.cluster.scratch import ScratchOffer, scratch_offer
from slomo_batch.errors import ClusterError

# Untyped, and private: these names appear nowhere else.
_services: Any = ray._private.services  # noqa: SLF001
_token: Any = ray._private.authentication.http_token_authentication  # noqa: SLF001
_raylet: Any = ray._raylet  # noqa: SLF001
_protocol: Any = autoscaler_pb2
HEAD_RESOURCE = "node:__internal_head__"
"""Only the head has it."""
ANSWER_S = 10.0
"""How long the cluster's head may take to answer."""


def draining_nodes() -> dict[str, int]:
    """Ids of nodes that are about to be taken away, and when, in ms of Unix time; 0 if that is unknown.

    Ray's Train and Data libraries use the same call.
    """
    state = getattr(ray._private.state, "state", None)  # noqa: SLF001 see above
    ask = getattr(state, "get_draining_nodes", None)
    return dict(ask()) if ask is not None else {}


def address_here(address: str) -> str:
    """Host and port of the cluster at `address`; if that is empty, of the cluster this machine belongs to.

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
    """Id of the live node that the cluster at `address` has on this machine; empty if there is none, or none any more.

    `node_id` selects one of several.

    Raises:
        ClusterError: the cluster does not answer; or there are several nodes and `node_id` is empty.
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
            remedy="Choose one with --node-id.",
        )
    return next(iter(found), "")


def drain_node(address: str, node: str, *, why: str, deadline_ms: int) -> None:
    """Drain a node: it gets nothing new and leaves the cluster once it is idle. A later call moves the deadline.

    `deadline_ms`: when the machine goes, in ms of Unix time; 0 if that is unknown. A node that does not exist is no
    error.

    Raises:
        ClusterError: the cluster does not answer, or refuses.
    """
    reason = _protocol.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    accepted, refusal = _ask(address, lambda gcs: gcs.drain_node(node, reason, why, deadline_ms))
    if not accepted:
        raise ClusterError("Ray refuses to drain a node", where=node, got=str(refusal))


def _ask(address: str, question: Callable[[Any], Any]) -> Any:
    try:
        return question(_raylet.GcsClient(address=address))
    except (RayError, RuntimeError, OSError, ValueError) as error:
        raise ClusterError("the cluster's head does not answer", where=address, got=str(error)) from error


def alive_nodes() -> frozenset[str]:
    """Ids of the live nodes."""
    ask: Any = ray.nodes
    return frozenset(node["NodeID"] for node in ask() if node["Alive"])


def working_nodes() -> frozenset[str]:
    """Ids of the live nodes with CPUs, on which workers can run."""
    ask: Any = ray.nodes
    return frozenset(node["NodeID"] for node in ask() if node["Alive"] and node["Resources"].get("CPU", 0) > 0)


def machine_resources() -> dict[str, Resources]:
    """The resources of each live node with CPUs, in use or not, by its id."""
    ask: Any = ray.nodes
    return {node["NodeID"]: node["Resources"] for node in ask() if node["Alive"] and node["Resources"].get("CPU", 0)}


def machines_for_steps() -> dict[str, Resources]:
    """The resources of each live node with CPUs on which steps run, by its id."""
    ask: Any = ray.nodes
    return {
        node["NodeID"]: node["Resources"]
        for node in ask()
        if node["Alive"] and node["Resources"].get("CPU", 0) > 0 and takes_steps(node["Labels"])
    }


def nodes_for_steps() -> frozenset[str]:
    """Ids of the live nodes with CPUs on which steps run."""
    return frozenset(machines_for_steps())


def live_nodes() -> list[Node]:
    """The live nodes, with what is free there and their labels. It asks the head: a few milliseconds."""
    ask: Any = ray.nodes
    ask_free: Any = ray._private.state.available_resources_per_node  # noqa: SLF001 see above
    free = ask_free()
    return [
        Node(
            node_id=node["NodeID"],
            free=free.get(node["NodeID"], {}),
            is_spot=node["Labels"].get(MARKET) == SPOT,
            has_gpu=node["Resources"].get("GPU", 0) > 0,
            takes_steps=takes_steps(node["Labels"]),
        )
        for node in ask()
        if node["Alive"]
    ]


def free_resources(*, for_steps: bool = False) -> dict[str, Resources]:
    """What is free now on each live node, or on those where steps run, by its id; those that are about to be taken away
    are left out."""
    leaving = draining_nodes()
    nodes = (node for node in live_nodes() if node.takes_steps or not for_steps)
    return {node.node_id: node.free for node in nodes if node.node_id not in leaving}


def authorization() -> dict[str, str]:
    """Headers with which the dashboard of a cluster lets this process in: its token, if the cluster wants one."""
    return dict(_token.get_auth_headers_if_auth_enabled({}))


def name_of_node(node_id: str) -> str:
    """A node for a person: its address and the start of its id."""
    ask: Any = ray.nodes
    address = next((node["NodeManagerAddress"] for node in ask() if node["NodeID"] == node_id), "unknown address")
    return f"{address} (node {node_id[:12]})"


def nodes_of_types(types: Collection[str]) -> frozenset[str]:
    """Ids of the live nodes of these types."""
    ask: Any = ray.nodes
    return frozenset(
        node["NodeID"] for node in ask() if node["Alive"] and node.get("Labels", {}).get(NODE_TYPE) in types
    )


def type_of_this_node() -> str:
    """The type of the node that this process runs on, as the cluster's configuration calls it; empty if it has none."""
    ask: Any = ray.get_runtime_context
    return str(ask().get_node_labels().get(NODE_TYPE, ""))


def cluster_total(resource: str) -> float:
    """The total of a resource ("CPU", "GPU") over all nodes."""
    ask: Any = ray.cluster_resources
    return float(ask().get(resource, 0))


def offer() -> Offer:
    """What the cluster has, and what its autoscaler may start, if it reports that."""
    ask: Any = ray.nodes
    nodes = [node["Resources"] for node in ask() if node["Alive"]]
    return Offer(
        num_gpus=cluster_total("GPU"),
        head_has_cpus=any(HEAD_RESOURCE in node and node.get("CPU", 0) > 0 for node in nodes),
        types=_autoscaler_types(),
    )


def _autoscaler_types() -> tuple[Resources, ...]:
    config = ray._private.state.state.get_cluster_config()  # noqa: SLF001 see above
    return tuple(dict(kind.resources) for kind in config.node_group_configs if kind.max_count) if config else ()


def scratch_disks() -> ScratchOffer:
    """The disks of the live machines for steps, and of those that the autoscaler may start if it reports them."""
    machines = (*machines_for_steps().values(), *_autoscaler_types())
    return scratch_offer(machines, may_grow=_autoscaling_state() is not None)


def supply(without: Collection[str] = ()) -> Supply:
    """What the cluster has, without some of its nodes, and what its autoscaler reports as infeasible."""
    ask: Any = ray.nodes
    return _supply(node["Resources"] for node in ask() if node["Alive"] and node["NodeID"] not in without)


def supply_for_steps() -> Supply:
    """What the cluster has for steps, and what its autoscaler reports as infeasible."""
    return _supply(machines_for_steps().values())


def _supply(machines: Iterable[Resources]) -> Supply:
    scaling = _autoscaling_state()
    return Supply(
        machines=tuple(machines),
        has_autoscaler=scaling is not None,
        infeasible=tuple(dict(request.resources_bundle) for request in scaling.infeasible_resource_requests)
        if scaling is not None
        else (),
    )


def _autoscaling_state() -> Any:
    """The last report of the autoscaler; None if there is none, or if it does not report."""
    try:
        status = _ask(ray.get_runtime_context().gcs_address, lambda gcs: gcs.get_cluster_status(timeout_s=ANSWER_S))
    except ClusterError:  # the head is busy: the caller asks again later
        return None
    state = _protocol.GetClusterStatusReply.FromString(status).autoscaling_state
    return state if state.autoscaler_state_version > 0 else None


def ask_for_room(bundles: list[dict[str, float]]) -> None:
    """Let the autoscaler keep machines on which all of these fit at once, used or not; an empty list ends that."""
    request_resources(bundles=bundles)
