"""What could be better in a cluster file that works: lines for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from slomo_batch.cluster.labels import MARKET, NEVER, SPOT, STEPS, takes_steps

NodeTypes = Mapping[str, Mapping[str, Any]]


def cluster_advice(config: Mapping[str, Any]) -> list[str]:
    """Advice on a file without problems, each with the node types that it is about."""
    kinds = config["available_node_types"]
    workers = {name: kind for name, kind in kinds.items() if name != config["head_node_type"]}
    is_on_aws = config["provider"].get("type") == "aws"
    return [*_market_advice(workers), *_role_advice(workers)] if is_on_aws else []


def _market_advice(workers: NodeTypes) -> Iterator[str]:
    """Long stitches find machines on demand by the label of the others."""
    spot = {name for name, kind in workers.items() if "InstanceMarketOptions" in kind.get("node_config", {})}
    labeled = {name for name, kind in workers.items() if kind.get("labels", {}).get(MARKET) == SPOT}
    if unlabeled := sorted(spot - labeled):
        yield (
            f"{', '.join(unlabeled)}: spot without the label {MARKET}: {SPOT}, so long stitches may run there while a "
            "machine on demand is free"
        )


def _role_advice(workers: NodeTypes) -> Iterator[str]:
    """Machines that only make chunks need no access to inputs and outputs."""
    for_steps = {name for name, kind in workers.items() if takes_steps(kind.get("labels", {}))}
    gpus = {name for name, kind in workers.items() if kind.get("resources", {}).get("GPU")}
    if for_steps - gpus and (wide := sorted(for_steps & gpus)):
        yield (
            f"{', '.join(wide)}: steps run there too, so their role must reach inputs and outputs; with the label "
            f"{STEPS}: {NEVER} docs/aws/worker.json is enough"
        )
    roles = {_role(workers[name]) for name in for_steps - gpus} - {""}
    if shared := sorted(name for name in workers.keys() - for_steps if _role(workers[name]) in roles):
        yield f"{', '.join(shared)}: has the role of machines for steps, although docs/aws/worker.json is enough"


def _role(kind: Mapping[str, Any]) -> str:
    """The instance profile of a node type; empty if it has none."""
    profile = kind.get("node_config", {}).get("IamInstanceProfile", {})
    return str(profile.get("Name") or profile.get("Arn") or "")
