"""What may be asked of a job without running it: where it stands, what ran, what it can spare. Loads no torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from slomo_batch.errors import JobTaken, ManifestError
from slomo_batch.execution.epochs import is_led
from slomo_batch.manifest.schema import Manifest
from slomo_batch.progress import JobStatus
from slomo_batch.steps.commit import committed
from slomo_batch.steps.gc import Garbage, delete_garbage, find_garbage
from slomo_batch.storage.location import normalise_uri
from slomo_batch.tables.ledger import read_ledger
from slomo_batch.tables.trace import trace
from slomo_batch.wiring import Places, open_bench, places_of

# ---- status --------------------------------------------------------------------------------------------------------


def status(wanted: Manifest | str, work: str = "") -> JobStatus:
    """Where a job stands, from what its driver wrote last."""
    places = _places(wanted, work)
    bench = open_bench(places)
    latest = max((found.key for found in bench.work.list(bench.layout.progresses)), default="")
    told = committed(bench.work, latest, JobStatus) if latest else None
    if told is None:
        return JobStatus(
            job=places.job,
            state="unknown",
            videos_done=0,
            videos_failed=0,
            videos_total=0,
            chunks_done=0,
            chunks_total=0,
            frames_done=0,
            updated="",
            failures=(),
        )
    if told.state == "running" and not is_led(bench.work, bench.layout):
        return replace(told, state="interrupted")
    return told


def _places(wanted: Manifest | str, work: str) -> Places:
    """Of a manifest, or of a job by its name and its work place."""
    if isinstance(wanted, str):
        return Places(work_uri=normalise_uri(work, Path.cwd()), job=wanted)
    return places_of(wanted)


# ---- timeline ------------------------------------------------------------------------------------------------------


def timeline(wanted: Manifest | str, work: str = "", *, last_hours: float | None = None) -> Iterator[str]:
    """What ran where and when, as the text of a trace, in pieces; all of the job, or its last hours.

    Raises:
        ManifestError: the work place holds no ledger of such a job.
    """
    bench = open_bench(_places(wanted, work))
    keys = [found.key for found in bench.work.list(bench.layout.ledger)]
    if not keys:
        raise ManifestError("there is no ledger: the job has not begun", where=bench.work.uri(bench.layout.ledger))
    return trace(read_ledger(bench.work.get(key) for key in keys), last_hours=last_hours)


# ---- gc ------------------------------------------------------------------------------------------------------------


def gc(wanted: Manifest | str, work: str = "", *, delete: bool) -> list[Garbage]:
    """What the job no longer needs in its work place; with `delete` it is gone afterwards.

    Raises:
        JobTaken: somebody is running the job.
    """
    bench = open_bench(_places(wanted, work))
    if is_led(bench.work, bench.layout):
        raise JobTaken("this job is being run", where=bench.work.uri(bench.layout.root), remedy="Wait for its end.")
    found = find_garbage(bench)
    if delete:
        delete_garbage(found, bench)
    return found
