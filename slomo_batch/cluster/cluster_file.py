"""Check a file of Ray's cluster launcher (cluster.yaml) before it costs money, without a cloud or a cluster.

The checks are Ray's own schema, EC2's model of a node, and what this project needs: a head without chunks and with its
own role, node types that may start and are large enough for every step, spot instances that are watched and tried
first, and a Ray that requires a token.
"""

import copy
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import yaml

from slomo_batch.errors import ManifestError
from slomo_batch.storage.ec2 import node_config_problems


def read_cluster_file(text: str) -> object:
    """Parse a cluster file.

    Raises:
        ManifestError: it is not YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ManifestError("is not YAML", remedy=str(error)) from error


def cluster_problems(config: object, *, gpus_per_worker: float, cpus_per_worker: int) -> list[str]:
    """All problems of a parsed cluster file, each with its remedy."""
    if not isinstance(config, Mapping):
        return ["is not a cluster file: expected a mapping at the top level"]
    schema = _schema_problems(config)
    if schema:
        return schema
    needs = {"GPU": gpus_per_worker, "CPU": float(cpus_per_worker)}
    own = (_type_problems(config), _head_problems(config), _fit_problems(config, needs), _spot_problems(config))
    return [*chain(*own), *_token_problems(config)]


def _schema_problems(config: Mapping[str, Any]) -> list[str]:
    """Problems that Ray itself reports, and names that the later checks need."""
    from ray.autoscaler._private.util import prepare_config, validate_config  # noqa: PLC0415 Ray is heavy

    try:
        validate_config(prepare_config(copy.deepcopy(dict(config))))
    except KeyError as error:
        return [f"Ray refuses it: the key {error} is missing"]
    except Exception as error:  # noqa: BLE001 Ray raises the errors of its schema library and its own
        return [f"Ray refuses it: {_first_line(error)}"]
    if not config.get("cluster_name"):
        return ["cluster_name: is missing"]
    head = config.get("head_node_type")
    if head not in config.get("available_node_types", {}):
        return [f"head_node_type: {head!r} is not one of available_node_types"]
    return []


def _first_line(error: Exception) -> str:
    message = getattr(error, "message", "") or str(error)
    return str(message).strip().splitlines()[0] if str(message).strip() else type(error).__name__


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
    if config["provider"].get("type") == "aws":
        for name, kind in config["available_node_types"].items():
            yield from (f"{name}: {fault}" for fault in node_config_problems(kind.get("node_config", {})))


def _head_problems(config: Mapping[str, Any]) -> Iterator[str]:
    name = config["head_node_type"]
    if config["available_node_types"][name].get("resources", {}).get("CPU", 1):
        yield f"{name}: offers CPUs, so chunks would run on the head; write resources: {{CPU: 0}}"
    if config["provider"].get("type") == "aws" and "IamInstanceProfile" not in _node_config(config, name):
        yield f"{name}: has no IamInstanceProfile, so Ray would create a role with full access to EC2 and S3"
    starts = [command for command in config.get("head_start_ray_commands", ()) if "ray start" in command]
    if starts and not any("--num-cpus=0" in command for command in starts):
        yield "head_start_ray_commands: `ray start` lacks --num-cpus=0, so chunks would run on the head"


def _node_config(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    node_config: Mapping[str, Any] = config["available_node_types"][name].get("node_config", {})
    return node_config


def _fit_problems(config: Mapping[str, Any], worker: Mapping[str, float]) -> Iterator[str]:
    stages = {"a worker that makes chunks": worker, "a task that splits or stitches": {"CPU": 1.0}}
    startable = [
        kind["resources"] for _, kind in _workers(config) if kind.get("resources") and kind.get("max_workers", 1)
    ]
    for stage, needs in stages.items():
        if not any(all(has.get(name, 0) >= amount for name, amount in needs.items()) for has in startable):
            wanted = ", ".join(f"{amount:g} {name}" for name, amount in needs.items() if amount)
            yield f"no node type is large enough for {stage}: it takes {wanted}"


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


def _token_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for place in ("head_start_ray_commands", "worker_start_ray_commands"):
        for command in config.get(place, ()):
            if "ray start" in command and "RAY_AUTH_MODE=token" not in command:
                yield f"{place}: `ray start` without RAY_AUTH_MODE=token lets anyone who reaches the port run code"
