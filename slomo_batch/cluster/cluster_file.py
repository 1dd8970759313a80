"""Check a file of Ray's cluster launcher (cluster.yaml) before it costs money, without a cloud or a cluster.

The checks are Ray's own schema, EC2's model of a node, facts about instance types, and what this project needs: a head
without chunks and with its own role, node types that may start and are large enough for every step, spot instances
that are watched and tried first, SSH that is closed to others, and a Ray that requires a token.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from slomo_batch.cluster.aws_nodes import PLACEHOLDER, aws_problems
from slomo_batch.cluster.labels import MARKET, NEVER, SPOT, STEPS, takes_steps
from slomo_batch.cluster.node_commands import command_problems
from slomo_batch.cluster.ray_schema import schema_problems
from slomo_batch.errors import ManifestError


def read_cluster_file(text: str, where: str) -> object:
    """Parse a cluster file; `where` is its name in errors.

    Raises:
        ManifestError: it is not YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise ManifestError(f"is not YAML: {line}{reason}", where=where) from error


def placeholders(text: str) -> list[str]:
    """The values of a YAML text that a person must replace, each with its line."""
    nodes = [yaml.compose(text, Loader=yaml.SafeLoader)]
    found: dict[int, str] = {}
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.ScalarNode) and PLACEHOLDER in node.value:
            found[node.start_mark.line + 1] = node.value
    return [f"line {line}: replace {value} by your own value" for line, value in sorted(found.items())]


def cluster_problems(config: object, *, gpus_per_worker: float, cpus_per_worker: int, folder: Path) -> list[str]:
    """All problems of a parsed cluster file, each with its remedy; `folder` is where `ray up` will run."""
    if not isinstance(config, Mapping):
        return ["is not a cluster file: expected a mapping at the top level"]
    schema = schema_problems(config) or _name_problems(config)
    if schema:
        return schema
    needs = {"GPU": gpus_per_worker, "CPU": float(cpus_per_worker)}
    own = (
        _type_problems(config),
        _label_problems(config),
        _head_problems(config),
        _fit_problems(config, needs),
        _spot_problems(config),
    )
    return [*chain(*own), *aws_problems(config), *command_problems(config, folder)]


def _name_problems(config: Mapping[str, Any]) -> list[str]:
    """Names that the later checks need."""
    if not config.get("cluster_name"):
        return ["cluster_name: is missing"]
    head = config.get("head_node_type")
    if head not in config.get("available_node_types", {}):
        return [f"head_node_type: {head!r} is not one of available_node_types"]
    return []


def _workers(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, kind in config["available_node_types"].items():
        if name != config["head_node_type"]:
            yield name, kind


def _type_problems(config: Mapping[str, Any]) -> Iterator[str]:
    most = config.get("max_workers", 0)
    for name, kind in _workers(config):
        low, high = kind.get("min_workers", 0), kind.get("max_workers", most)
        if low > high:
            yield f"{name}: min_workers is {low}, more than max_workers, {high}"
        if high > most:
            yield f"{name}: max_workers is {high}, more than the cluster's, {most}"
        if not kind.get("resources"):
            yield f"{name}: has no resources, so Ray never places anything on it"


def _head_problems(config: Mapping[str, Any]) -> Iterator[str]:
    name = config["head_node_type"]
    if config["available_node_types"][name].get("resources", {}).get("CPU", 1):
        yield f"{name}: offers CPUs, so chunks would run on the head; write resources: {{CPU: 0}}"
    if _is_on_aws(config) and "IamInstanceProfile" not in _node_config(config, name):
        yield f"{name}: has no IamInstanceProfile, so Ray would create a role with full access to EC2 and S3"
    starts = [command for command in config.get("head_start_ray_commands", ()) if "ray start" in command]
    if starts and not any("--num-cpus=0" in command for command in starts):
        yield "head_start_ray_commands: `ray start` lacks --num-cpus=0, so chunks would run on the head"


def _is_on_aws(config: Mapping[str, Any]) -> bool:
    return bool(config["provider"].get("type") == "aws")


def _node_config(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    node_config: Mapping[str, Any] = config["available_node_types"][name].get("node_config", {})
    return node_config


def _fit_problems(config: Mapping[str, Any], worker: Mapping[str, float]) -> Iterator[str]:
    startable = [kind for _, kind in _workers(config) if kind.get("resources") and kind.get("max_workers", 1)]
    if not any(_fits(worker, kind) for kind in startable):
        wanted = ", ".join(f"{amount:g} {name}" for name, amount in worker.items() if amount)
        yield f"no node type is large enough for a worker that makes chunks: it takes {wanted}"
    large = [kind for kind in startable if _fits({"CPU": 1.0}, kind)]
    if not large:
        yield "no node type is large enough for a task that splits or stitches: it takes 1 CPU"
    elif not any(takes_steps(kind.get("labels", {})) for kind in large):
        yield f"every node type has the label {STEPS}: {NEVER}, so no video can be opened, split and joined"


def _fits(needs: Mapping[str, float], kind: Mapping[str, Any]) -> bool:
    return all(kind["resources"].get(name, 0) >= amount for name, amount in needs.items())


def _label_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in _workers(config):
        value = kind.get("labels", {}).get(STEPS, NEVER)
        if value != NEVER:
            yield f"{name}: labels: {STEPS} is {value}, and only {NEVER} has a meaning; write that, or leave it out"
        is_spot = "InstanceMarketOptions" in kind.get("node_config", {})
        if _is_on_aws(config) and not is_spot and kind.get("labels", {}).get(MARKET) == SPOT:
            yield f"{name}: has the label {MARKET}: {SPOT}, and is not a spot instance"


def _spot_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Spot instances must be watched for their end, and come before machines at full price."""
    spot = {name: kind for name, kind in _workers(config) if "InstanceMarketOptions" in kind.get("node_config", {})}
    watches = any("cluster spot-watch" in command for command in config.get("worker_start_ray_commands", ()))
    if spot and not watches:
        yield (
            f"worker_start_ray_commands: nothing watches for the end of {', '.join(spot)}; "
            "start `slomo-batch cluster spot-watch` there"
        )
    for name, kind in _workers(config):
        rivals = [other for other, each in spot.items() if each["resources"] == kind.get("resources")]
        least = min((spot[other].get("priority", 0) for other in rivals), default=None)
        if name not in spot and least is not None and kind.get("priority", 0) >= least:
            yield f"{name}: its priority is not below that of {', '.join(rivals)}: machines at full price start first"
