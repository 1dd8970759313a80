"""The ledger of a job in its work place: read its parts, and join them at the end of a run."""

from collections.abc import Generator, Sequence
from contextlib import closing

from slomo_batch.errors import ManifestError
from slomo_batch.report.ledger import LedgerTable, compact, read_ledger
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import read_each
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout, parts_of


def ledger_of(context: StepContext) -> LedgerTable:
    """The ledger of a job, which has at least one row.

    Raises:
        ManifestError: the work place holds no ledger of such a job.
    """
    keys = _keys(context.work, context.layout)
    if not keys:
        raise ManifestError(
            "no attempts of this job are recorded",
            where=context.work.uri(context.layout.ledger),
            remedy="Start the job, or correct its name or --work. A job that runs records them once a minute.",
        )
    with closing(_contents(context.work, keys)) as parts:
        return read_ledger(parts)


def compact_ledger(store: ObjectStore, layout: Layout, epoch: int) -> None:
    """Replace the parts of the ledger by one. The parts are deleted after the whole is written.

    The whole gets a key of this driver: an earlier driver that wakes up can only write its own parts again.
    """
    keys = _keys(store, layout)
    if len(keys) > 1:
        with closing(_contents(store, keys)) as parts:
            whole = compact(parts)
        unused = len(keys)  # a driver's parts are numbered from 0
        store.put(layout.ledger_part(epoch, unused), whole)
        store.delete(keys)


def _keys(store: ObjectStore, layout: Layout) -> list[str]:
    return [found.key for found in store.list(layout.ledger) if parts_of(layout, "ledger_part", found.key)]


def _contents(store: ObjectStore, keys: Sequence[str]) -> Generator[bytes]:
    """The parts in order; on a remote store the next ones are read meanwhile."""
    with closing(read_each(store, store.get, keys)) as reads:
        yield from (read() for read in reads)
