"""Stored records: write, read, check, commit and delete the JSON documents of a work place.

A record is committed by one put-if-absent, and read back if that does not succeed: the first of several attempts wins.
"""

from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from slomo_batch.errors import ObjectMissing, StorageBusy, StoreUnusable, WorkDamaged
from slomo_batch.steps.work_ahead import work_ahead
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import name_in_job
from slomo_batch.stored_documents import VERSION, from_stored, is_intact, to_stored, version_of

T = TypeVar("T")
Item = TypeVar("Item")

MADE_AGAIN = "It is made again; if the video fails in this run, run again with --retry-failed."
"""The remedy for a damaged object that can be made from others."""

READS_AHEAD = 16
"""Records that are read ahead of the one in use, each in a thread."""

COMMIT_TRIES = 5
"""Times that a commit is tried while another process writes the record and deletes it again."""


def as_note(damaged: WorkDamaged) -> str:
    """A note on damage that needs no action, because a run makes the object again."""
    return str(
        WorkDamaged(
            damaged.what,
            where=damaged.where,
            expected=damaged.expected,
            got=damaged.got,
            remedy="A run makes it again.",
        )
    )


def _anything(_: object) -> bool:
    return True


def read_record(
    store: ObjectStore,
    key: str,
    kind: type[T],
    *,
    belongs: Callable[[T], bool] = _anything,
    remedy: str = MADE_AGAIN,
) -> T:
    """Read the record under `key`. `belongs` returns whether a record is the one that belongs under this key.

    Raises:
        ObjectMissing: there is no object under this key.
        StoreUnusable: a newer version of slomo_batch wrote it.
        WorkDamaged: the record cannot be read, or belongs under another key.
    """
    data = store.get(key)
    if version_of(data) > VERSION and is_intact(data, name_in_job(key)):
        raise StoreUnusable(
            "a newer version of slomo_batch wrote this record",
            where=store.uri(key),
            expected=f"version {VERSION} or lower",
            got=str(version_of(data)),
            remedy="Use the newest slomo_batch that ran this job.",
        )
    try:
        record = from_stored(kind, data, name_in_job(key))
    except ValueError as error:
        raise WorkDamaged("this record is damaged", where=store.uri(key), got=str(error), remedy=remedy) from error
    if not belongs(record):
        raise WorkDamaged("this record belongs under another key", where=store.uri(key), remedy=remedy)
    return record


def committed(store: ObjectStore, key: str, kind: type[T], *, belongs: Callable[[T], bool] = _anything) -> T | None:
    """Read the record under `key`; None if there is none.

    Raises:
        StoreUnusable, WorkDamaged: see `read_record`.
    """
    try:
        return read_record(store, key, kind, belongs=belongs)
    except ObjectMissing:
        return None


def read_each(store: ObjectStore, read: Callable[[Item], T], items: Iterable[Item]) -> Generator[Callable[[], T]]:
    """Yield for each item, in order, a function that returns `read(item)` or raises its error.

    `read` reads one record of `store`. On a remote store up to READS_AHEAD later items are read meanwhile, because each
    request takes a round trip. Close the generator to end its threads.
    """
    return work_ahead(read, items, num_ahead=0 if store.root.is_local else READS_AHEAD)


def exists(store: ObjectStore, key: str) -> bool:
    """Whether there is an object under `key`. Costs one request; on S3, a HEAD of a missing object costs two."""
    try:
        store.get(key)
    except ObjectMissing:
        return False
    return True


def put_record(store: ObjectStore, key: str, record: object) -> None:
    """Write `record` under `key`, replacing any record there."""
    store.put(key, to_stored(record, name_in_job(key)))


def commit(store: ObjectStore, key: str, record: T, *, belongs: Callable[[T], bool] = _anything) -> T:
    """Write `record` under `key` unless there is one already; returns the record that is there now.

    Raises:
        WorkDamaged: the record that is there is damaged.
        StorageBusy: other processes keep writing and deleting the record.
    """
    for _ in range(COMMIT_TRIES):
        if store.put_if_absent(key, to_stored(record, name_in_job(key))):
            return record
        winner = committed(store, key, type(record), belongs=belongs)
        if winner is not None:
            return winner
    raise StorageBusy("another process keeps writing and deleting this record", where=store.uri(key))


def withdraw(store: ObjectStore, key: str, kind: type[T], *, belongs: Callable[[T], bool] = _anything) -> None:
    """Delete a damaged record. It is read again first, because another driver may have replaced it by a good one."""
    try:
        committed(store, key, kind, belongs=belongs)
    except WorkDamaged:
        store.delete([key])
