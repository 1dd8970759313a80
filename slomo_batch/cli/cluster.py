"""The commands of a cluster's file and its machines: their options, and what becomes of the answer.

Loads nothing heavy itself.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from slomo_batch.errors import ClusterError, ManifestError
from slomo_batch.manifest.load import read_text
from slomo_batch.sanitize import one_line
from slomo_batch.streams import for_display

if TYPE_CHECKING:
    from slomo_batch.cluster.spot import Departure

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], Any]
"""Adds a command by name, help text and what runs it; gives its parser."""


def add_cluster_tools(add: Add) -> None:
    """Add the commands below `cluster`."""
    _add_check(add)
    _add_spot_watch(add)


# ---- cluster check -------------------------------------------------------------------------------------------------


def _add_check(add: Add) -> None:
    parser = add("check", "judge a cluster.yaml without starting anything", _check)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--gpus-per-worker", metavar="N", type=float, default=1.0, help="as in the manifest")
    parser.add_argument("--cpus-per-worker", metavar="N", type=int, default=1, help="as in the manifest")


def _check(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.cluster_file import cluster_faults, read_cluster_file  # noqa: PLC0415 loads Ray

    config = read_cluster_file(read_text(options.file))
    needs = {"gpus_per_worker": options.gpus_per_worker, "cpus_per_worker": options.cpus_per_worker}
    faults = cluster_faults(config, **needs)
    if faults:
        number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise ManifestError(number, problems=tuple(faults), where=options.file)
    sys.stdout.write(f"{one_line(options.file)}: nothing wrong was found\n")
    return 0


# ---- cluster spot-watch --------------------------------------------------------------------------------------------


def _add_spot_watch(add: Add) -> None:
    parser = add("spot-watch", "on a spot machine of EC2: wait for its end, and have Ray let go of it", _spot_watch)
    parser.add_argument("--address", metavar="HOST:PORT", default="", help="the cluster's; by default this machine's")
    parser.add_argument("--node-id", metavar="ID", default="", help="which node, where the machine has several")
    parser.add_argument(
        "--ignore-rebalance", action="store_true", help="stay when AWS only recommends to leave, until it says when"
    )


def _spot_watch(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.imds import Metadata  # noqa: PLC0415 as below
    from slomo_batch.cluster.nodes import address_here, node_here  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.spot import watch  # noqa: PLC0415 as above

    address = address_here(options.address)
    node = node_here(address, options.node_id)
    if not node:
        raise ClusterError("this machine is no node of the cluster", where=address, got=options.node_id)
    leave = partial(_leave, address, options.node_id)
    with redirect_stdout(for_display(sys.stdout, "standard output")):  # the watch goes on though its log may not
        _say(f"watching over node {node} of the cluster at {address}")
        _say(watch(Metadata(), leave, heeds_rebalance=not options.ignore_rebalance, say=_say))
    return 0


def _leave(address: str, node_id: str, departure: "Departure") -> bool:
    """Tell Ray; False where this machine is no node any more. Ray may have been started anew: its id is asked again."""
    from slomo_batch.cluster.nodes import drain_node, node_here  # noqa: PLC0415 loads Ray

    node = node_here(address, node_id)
    if node:
        deadline = departure.deadline
        deadline_ms = 0 if deadline is None else int(deadline.timestamp() * 1000)
        drain_node(address, node, why=departure.why, deadline_ms=deadline_ms)
    return bool(node)


def _say(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {one_line(line)}\n")
    sys.stdout.flush()
