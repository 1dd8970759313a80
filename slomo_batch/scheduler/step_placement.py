"""Where steps run, as options of their Ray tasks.

Ray places a step on a machine without GPUs as long as one has a free CPU, and else on any other: nothing is to be asked
for that. A stitch that takes long is better on a machine that is not taken back. It goes there if one is free when it
starts; it never waits for one while another machine is free.
"""

from collections.abc import Collection
from typing import Any

from ray.util.scheduling_strategies import In, NodeLabelSchedulingStrategy

from slomo_batch.cluster.demand import Resources
from slomo_batch.cluster.labels import NODE_ID, free_on_demand
from slomo_batch.cluster.nodes import live_nodes
from slomo_batch.scheduler.calls import StitchCall, TaskCall
from slomo_batch.scheduler.excluded_machines import kept_off

LONG_STITCH_BYTES = 30 * 10**9
"""Local disk of a long stitch: it takes ten minutes on a disk of 125 MB/s, which it writes once and reads twice."""


def placement_of(call: TaskCall, resources: Resources, *, avoid: Collection[str]) -> dict[str, Any]:
    """Options of the task for a step that takes `resources` besides its CPU, and is kept off some machines."""
    options = kept_off(avoid) | ({"resources": resources} if resources else {})
    if isinstance(call, StitchCall) and call.disk_bytes >= LONG_STITCH_BYTES:
        lasting = free_on_demand(live_nodes(), {"CPU": 1.0, **resources}) - frozenset(avoid)
        if lasting:
            options["scheduling_strategy"] = _preferring(lasting)
    return options


def _preferring(nodes: Collection[str]) -> NodeLabelSchedulingStrategy:
    """One of these nodes if it has room, else any other that has."""
    one_of: Any = In
    return NodeLabelSchedulingStrategy(hard={}, soft={NODE_ID: one_of(*sorted(nodes))})
