"""ChunkWorker: the Ray actor that makes chunks.

It says on which machine it runs before anything else is loaded or read there: from then on the driver knows which
machine to blame if the worker does not start. This module loads nothing of the package but `parcel`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import ray

from slomo_batch.scheduler.parcel import Parcel

if TYPE_CHECKING:
    from slomo_batch.attempts import Attempt, FramesMade
    from slomo_batch.scheduler.abilities import Abilities
    from slomo_batch.scheduler.calls import ChunkCall, Entered
    from slomo_batch.scheduler.chunk_worker import WorkerNeeds
    from slomo_batch.wiring import JobEnvironment


class ChunkWorker:
    """The actor. Call `node`, then `open`, then `make` for each chunk."""

    def __init__(self, parcel: "Parcel[tuple[JobEnvironment, WorkerNeeds]]") -> None:
        """`parcel`: where the job is, and what the worker took of its machine."""
        self._parcel = parcel

    def node(self) -> str:
        """Id of the node that it runs on."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def open(self) -> "Abilities":
        """Load what makes frames, and open what every chunk needs, before there is a chunk; tell what it can do."""
        from slomo_batch.scheduler.chunk_worker import LoadedWorker  # noqa: PLC0415 after `node`, as all of the package

        environment, needs = self._parcel.open()
        self._loaded = LoadedWorker(environment, needs)
        return self._loaded.open()

    def make(self, call: "ChunkCall") -> "Iterator[Attempt | FramesMade | Entered]":
        """Make one attempt at one chunk: yield its phases as they begin, its frames so far, then what became of it."""
        yield from self._loaded.make(call)
