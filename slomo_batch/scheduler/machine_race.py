"""Race the machines of a cluster for the same objects: put-if-absent in a shared folder must let one of them win."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from slomo_batch.cluster.nodes import working_nodes
from slomo_batch.errors import StoreUnusable
from slomo_batch.storage.final_names import has_hard_links
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context

NUM_OBJECTS = 40
READY_S = 60.0
"""How long a machine may take to start its racer. One that takes longer is left out."""
LEAD_S = 0.5
"""How long after the last racer is ready all start, by their clocks."""
_REMEDY = (
    "Use a file system with hard links that all machines share, such as NFS or Lustre, or put the work place on S3."
)


class Racer:
    """An actor that competes on its machine."""

    def __init__(self, environment: JobEnvironment) -> None:
        self._environment = environment

    def open(self) -> None:
        """Open the work place."""
        open_context(self._environment)

    def race(self, keys: Sequence[str], start_s: float) -> list[bool]:
        """Create an object for each key from a moment in Unix time on; return which of them this machine created."""
        work, body = open_context(self._environment).work, uuid4().bytes
        time.sleep(max(0.0, start_s - time.time()))
        return [work.put_if_absent(key, body) for key in keys]


def race_for_objects(environment: JobEnvironment) -> int:
    """Race all live machines that see the work place. Returns how many raced.

    Raises:
        StoreUnusable: an object was created by several machines or by none, or the folder has no hard links, by which
            alone several machines can create an object at most once.
    """
    folder = environment.work_uri
    if not has_hard_links(Path(folder)):
        raise StoreUnusable("has no hard links, which several machines need", where=folder, remedy=_REMEDY)
    layout = Layout(environment.job)
    keys = [layout.probe(uuid4().hex) for _ in range(NUM_OBJECTS)]
    actors = {node: _start(node, environment) for node in sorted(working_nodes())}
    try:
        ready = _answers({node: actor.open.remote() for node, actor in actors.items()})
        start_s = time.time() + LEAD_S
        won = _answers({node: actors[node].race.remote(keys, start_s) for node in ready})
        check_winners(list(won.values()), folder, all_answered=len(won) == len(ready))
        return len(won)
    finally:
        for actor in actors.values():
            ray.kill(actor)
        open_context(environment).work.delete(keys)


def check_winners(won: Sequence[Sequence[bool]], folder: Uri, *, all_answered: bool) -> None:
    """Check that of several machines exactly one created each object; none is allowed if a machine did not answer.

    Raises:
        StoreUnusable: for an object this is not so.
    """
    if len(won) < 2:
        return
    for created in zip(*won, strict=True):
        if sum(created) > 1 or (all_answered and not any(created)):
            raise StoreUnusable(
                "put-if-absent is not atomic between machines",
                where=folder,
                expected=f"one of {len(won)} machines to create an object",
                got=f"{sum(created)}",
                remedy=_REMEDY,
            )


def _start(node: str, environment: JobEnvironment) -> Any:
    actor_class: Any = ray.remote(num_cpus=0, max_restarts=0)(Racer)
    return actor_class.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(environment)


def _answers(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answers by machine, without machines that fail or do not answer: their workers will report why."""
    ready, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=READY_S) if asked else ([], [])
    answers = {}
    for node, ref in asked.items():
        if ref in ready:
            try:
                answers[node] = ray.get(ref)
            except RayError:
                continue
    return answers
