"""Where steps run, as options of their Ray tasks.

Ray places a step on a machine without GPUs as long as one has a free CPU, and else on any other: nothing is to be asked
for that. None runs on a machine whose label says so, since that has no access to inputs and outputs.

A stitch that takes long is better on a machine that is not taken back. It goes there if one is free when it
starts; it never waits for one while another machine is free.
"""

from collections.abc import Collection
from typing import Any

from ray.util.scheduling_strategies import In, NodeLabelSchedulingStrategy

from slomo_batch.cluster.demand import Resources, refusal
from slomo_batch.cluster.labels import NEVER, NODE_ID, STEPS, WHERE_STEPS_RUN, free_on_demand
from slomo_batch.cluster.nodes import live_nodes, supply_for_steps
from slomo_batch.errors import ClusterError
from slomo_batch.scheduler.calls import StitchCall, TaskCall
from slomo_batch.scheduler.excluded_machines import kept_off

LONG_STITCH_BYTES = 30 * 10**9
"""Local disk of a long stitch: it takes ten minutes on a disk of 125 MB/s, which it writes once and reads twice."""


def placement_of(call: TaskCall, resources: Resources, *, avoid: Collection[str]) -> dict[str, Any]:
    """Options of the task for a step that takes `resources` besides its CPU, and is kept off some machines."""
    selector = WHERE_STEPS_RUN | kept_off(avoid).get("label_selector", {})
    options = {"label_selector": selector} | ({"resources": resources} if resources else {})
    if isinstance(call, StitchCall) and call.disk_bytes >= LONG_STITCH_BYTES:
        lasting = free_on_demand(live_nodes(), {"CPU": 1.0, **resources}) - frozenset(avoid)
        if lasting:
            options["scheduling_strategy"] = _preferring(lasting)
    return options


def check_that_a_step_can_run(waited_s: float) -> None:
    """Check that some machine runs steps, or may, if all steps have waited for so long; 0: they do not wait.

    Raises:
        ClusterError: none will.
    """
    reason = refusal({"CPU": 1.0}, supply_for_steps(), waited_s) if waited_s else ""
    if reason:
        raise ClusterError(
            f"no machine of this cluster can open, split and join videos: {reason}",
            expected=f"a CPU on a machine without the label {STEPS}: {NEVER}",
            remedy="Add a type of machine without that label (`slomo-batch cluster check`), or start one.",
        )


def _preferring(nodes: Collection[str]) -> NodeLabelSchedulingStrategy:
    """One of these nodes if it has room, else any other that has."""
    one_of: Any = In
    return NodeLabelSchedulingStrategy(hard={}, soft={NODE_ID: one_of(*sorted(nodes))})
