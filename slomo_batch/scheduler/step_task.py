"""A step that needs no model, as a Ray task.

Its first report says on which machine it runs. It comes before anything else is loaded or read there: from then on the
driver knows which machine to blame if the step hangs. This module loads nothing of the package but `parcel`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ray

from slomo_batch.scheduler.parcel import Parcel

if TYPE_CHECKING:
    from slomo_batch.scheduler.calls import Entered, Outcome, TaskCall
    from slomo_batch.wiring import JobEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """The first report of a step: it runs."""

    machine: str


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def run_task(parcel: "Parcel[tuple[JobEnvironment, TaskCall]]") -> "Iterator[Outcome | Entered | Began]":
    """Carry out a call without a model: say where it runs, then yield its outcomes as they come."""
    machine = ray.get_runtime_context().get_node_id()
    yield Began(machine=machine)
    from slomo_batch.attempts import Errored  # noqa: PLC0415 after the first report, as all of the package
    from slomo_batch.errors import MachineUnfit  # noqa: PLC0415
    from slomo_batch.scheduler.calls import perform  # noqa: PLC0415
    from slomo_batch.wiring import open_context  # noqa: PLC0415

    environment, call = parcel.open()
    try:
        context = open_context(environment)
    except MachineUnfit as error:
        yield Errored(head=call.head, error=error, machine=machine)
        return
    for said in perform(call, context):
        yield replace(said, machine=machine) if isinstance(said, Errored) else said
