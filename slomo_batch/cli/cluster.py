"""The commands `cluster check` and `cluster spot-watch`. Importing this module loads nothing heavy."""

import argparse
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slomo_batch.cli.arguments import Commands, add_command, add_group, integer, not_empty, number
from slomo_batch.cli.streams import for_display
from slomo_batch.errors import ClusterError, ManifestError
from slomo_batch.sanitize import one_line

if TYPE_CHECKING:
    from slomo_batch.cluster.spot import Departure


def add_cluster_commands(commands: Commands) -> None:
    """Add the commands."""
    cluster = add_group(commands, "cluster", "check a cluster file, or watch a spot instance")
    _add_check(cluster)
    _add_spot_watch(cluster)


# ---- cluster check -------------------------------------------------------------------------------------------------


def _add_check(commands: Commands) -> None:
    parser = add_command(commands, "check", "validate a Ray cluster file without starting anything", _check)
    parser.add_argument("file", metavar="FILE", type=not_empty, help="the cluster file, such as cluster.yaml")
    parser.add_argument(
        "--gpus-per-worker",
        metavar="N",
        type=number(0),
        default=1.0,
        help="cluster.gpus_per_worker of the manifest (default: 1)",
    )
    parser.add_argument(
        "--cpus-per-worker",
        metavar="N",
        type=integer(1),
        default=1,
        help="cluster.cpus_per_worker of the manifest (default: 1)",
    )

    parser.add_argument(
        "--price",
        metavar="TYPE=PRICE",
        type=_price,
        action="append",
        default=[],
        help="price of an hour of an instance type, such as g6.2xlarge=0.98; shows the most that an hour costs",
    )


def _price(text: str) -> tuple[str, float]:
    name, _, price = text.partition("=")
    return not_empty(name), number(0)(price)


def _check(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.aws_nodes import unchecked_types  # noqa: PLC0415 as below
    from slomo_batch.cluster.cluster_advice import cluster_advice  # noqa: PLC0415 as below
    from slomo_batch.cluster.cluster_file import (  # noqa: PLC0415 loads Ray
        cluster_problems,
        placeholders,
        read_cluster_file,
    )
    from slomo_batch.cluster.full_size import full_size_lines  # noqa: PLC0415 as above
    from slomo_batch.manifest.load import read_text  # noqa: PLC0415 loads pydantic

    text = read_text(options.file)
    config: Any = read_cluster_file(text, options.file)
    needs = {"gpus_per_worker": options.gpus_per_worker, "cpus_per_worker": options.cpus_per_worker}
    folder = Path(options.file).absolute().parent
    problems = [*placeholders(text), *cluster_problems(config, **needs, folder=folder)]
    if problems:
        number = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ManifestError(f"invalid cluster file ({number})", problems=tuple(problems), where=options.file)
    lines = [f"{options.file}: no problems found"]
    lines += [f"{name}: not checked: its CPUs, memory and GPUs are not known here" for name in unchecked_types(config)]
    lines += [f"advice: {line}" for line in cluster_advice(config)]
    lines += full_size_lines(config, dict(options.price))
    sys.stdout.writelines(f"{one_line(line)}\n" for line in lines)
    return 0


# ---- cluster spot-watch --------------------------------------------------------------------------------------------


def _add_spot_watch(commands: Commands) -> None:
    details = "Run it on each spot instance of the cluster."
    summary = "drain this Ray node when its EC2 spot instance is about to be interrupted"
    parser = add_command(commands, "spot-watch", summary, _spot_watch, details=details)
    parser.add_argument(
        "--address", metavar="HOST:PORT", default="", help="the address of the cluster (default: this machine's)"
    )
    parser.add_argument("--node-id", metavar="ID", default="", help="the id of the node, if this machine runs several")
    parser.add_argument(
        "--ignore-rebalance",
        action="store_true",
        help="ignore rebalance recommendations, and drain only at an interruption notice",
    )


def _spot_watch(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.imds import Metadata  # noqa: PLC0415 as below
    from slomo_batch.cluster.nodes import address_here, node_here  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.spot import watch  # noqa: PLC0415 as above

    address = address_here(options.address)
    node = node_here(address, options.node_id)
    if not node:
        raise ClusterError("this machine is not a node of the cluster", where=address, got=options.node_id)
    leave = partial(_leave, address, options.node_id)
    with redirect_stdout(for_display(sys.stdout, "standard output")):  # watching continues if its log cannot be written
        _print(f"watching node {node} of the cluster at {address}")
        _print(watch(Metadata(), leave, heeds_rebalance=not options.ignore_rebalance, say=_print))
    return 0


def _leave(address: str, node_id: str, departure: "Departure") -> bool:
    """Drain this node. Returns False if it is no longer a node.

    The node id is looked up again, because Ray may have been restarted since.
    """
    from slomo_batch.cluster.nodes import drain_node, node_here  # noqa: PLC0415 loads Ray

    node = node_here(address, node_id)
    if node:
        deadline = departure.deadline
        deadline_ms = 0 if deadline is None else int(deadline.timestamp() * 1000)
        drain_node(address, node, why=departure.why, deadline_ms=deadline_ms)
    return bool(node)


def _print(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {one_line(line)}\n")
    sys.stdout.flush()
