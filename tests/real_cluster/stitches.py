"""Stitches without segments for an engine on a real Ray: each ends in an error on the machine where it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from slomo_batch.scheduler.calls import StitchCall
from slomo_batch.scheduler.chunk_worker import WorkerNeeds
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment
from tests.attempts import step_head
from tests.real_cluster.jobs import until
from tests.scale import products
from tests.scheduler.virtual_ray import open_call

SHORT = 0
"""Disk of a stitch that takes no time."""
_NEEDS = WorkerNeeds(min_workers=0, max_workers=1, num_gpus=1, num_cpus=1, slots=1, cores=1, hang_s=3600)
_STORED = products.opened(open_call(), 8, audio=False).stored
_VIDEOS = count()


@contextmanager
def opened_engine(folder: Path) -> Iterator[RayEngine]:
    """An engine on the Ray that this process is connected to."""
    engine = RayEngine(JobEnvironment(work_uri=Uri(folder), job="job"), _NEEDS)
    yield engine
    engine.close()


def stitch(disk_bytes: int) -> StitchCall:
    """The stitch of a video that no other call is about: a step is kept off machines on which it failed."""
    head = replace(step_head("stitch"), video=next(_VIDEOS))
    return StitchCall(head=head, stored=_STORED, lane="copy", exists="skip", sidecar=False, disk_bytes=disk_bytes)


def outcome_of_one(engine: RayEngine) -> Any:
    """What becomes of the only step in flight."""
    came: list[Any] = []

    def has_ended() -> bool:
        came.extend(outcome for _, outcome in engine.outcomes(0.5))
        return bool(came)

    until(has_ended, "the step ends")
    [outcome] = came
    return outcome
