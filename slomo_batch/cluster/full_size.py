"""A cluster at full size: its machines, the quotas of vCPUs that it takes, and the most that an hour costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slomo_batch.cluster.instance_types import instance_type, quota_of
from slomo_batch.errors import ManifestError


@dataclass(frozen=True, slots=True, kw_only=True)
class _NodeGroup:
    """Machines of one node type."""

    instance_type: str
    is_spot: bool
    most: int

    def __str__(self) -> str:
        return f"{self.most} {self.instance_type}{' spot' if self.is_spot else ''}"


def full_size_lines(config: Mapping[str, Any], prices: Mapping[str, float]) -> list[str]:
    """Lines for a person about the cluster at full size; `prices` are those of an hour, by instance type.

    Raises:
        ManifestError: there are prices, but not of every type.
    """
    head, workers, most = _machines(config)
    if not head.instance_type:
        return []
    types = ", ".join(map(str, workers))
    lines = [f"at full size: the head ({head.instance_type}) and {most} workers, of at most {types}"]
    quotas = _quotas([head, *workers], most)
    if quotas:
        lines.append("quotas, in vCPUs: " + ", ".join(f"{group} {number}" for group, number in quotas.items()))
    if prices:
        missing = sorted({each.instance_type for each in (head, *workers)} - set(prices))
        if missing:
            raise ManifestError(f"--price is missing for {', '.join(missing)}")
        hour = prices[head.instance_type] + _most([(each.most, prices[each.instance_type]) for each in workers], most)
        lines.append(f"an hour costs at most {hour:.2f}, without disks and traffic")
        lines.append(f"an hour without work costs {prices[head.instance_type]:.2f}, for the head")
    return lines


def _machines(config: Mapping[str, Any]) -> tuple[_NodeGroup, list[_NodeGroup], int]:
    """The head, the workers of each type, and the most workers of all types together."""
    most = config.get("max_workers", 0)
    head, workers = None, []
    for name, kind in config["available_node_types"].items():
        node, is_head = kind.get("node_config", {}), name == config["head_node_type"]
        machines = _NodeGroup(
            instance_type=str(node.get("InstanceType", "")),
            is_spot="InstanceMarketOptions" in node,
            most=1 if is_head else kind.get("max_workers", most),
        )
        if is_head:
            head = machines
        elif machines.most:
            workers.append(machines)
    assert head is not None  # noqa: S101 the file was checked before
    return head, workers, min(most, sum(each.most for each in workers))


def _quotas(machines: list[_NodeGroup], most: int) -> dict[str, int]:
    """The vCPUs by group and market; types that are not known here count nothing."""
    groups: dict[str, list[tuple[int, float]]] = {}
    for each in machines:
        facts, group = instance_type(each.instance_type), quota_of(each.instance_type)
        if facts and group:
            name = f"{group} {'spot' if each.is_spot else 'on-demand'}"
            groups.setdefault(name, []).append((each.most, facts.vcpus))
    return {group: round(_most(each, most + 1)) for group, each in groups.items()}


def _most(offers: list[tuple[int, float]], number: int) -> float:
    """The highest sum of `number` machines, of which each offer has so many at such a size or price."""
    total = 0.0
    for available, size in sorted(offers, key=lambda offer: offer[1], reverse=True):
        taken = min(available, number)
        total, number = total + taken * size, number - taken
    return total
