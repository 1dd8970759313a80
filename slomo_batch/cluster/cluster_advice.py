"""What could be better in a cluster file that works: lines for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from slomo_batch.cluster.labels import MARKET, SPOT


def cluster_advice(config: Mapping[str, Any]) -> list[str]:
    """Advice on a file without problems, each with the node types that it is about."""
    kinds = config["available_node_types"]
    return [*_market_advice({name: kind for name, kind in kinds.items() if name != config["head_node_type"]})]


def _market_advice(workers: Mapping[str, Any]) -> Iterator[str]:
    """Long stitches find machines on demand by the label of the others."""
    spot = {name for name, kind in workers.items() if "InstanceMarketOptions" in kind.get("node_config", {})}
    labeled = {name for name, kind in workers.items() if kind.get("labels", {}).get(MARKET) == SPOT}
    if unlabeled := sorted(spot - labeled):
        yield (
            f"{', '.join(unlabeled)}: spot without the label {MARKET}: {SPOT}, so long stitches may run there while a "
            "machine on demand is free"
        )
