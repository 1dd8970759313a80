"""Check before a job starts that a store permits access and that its put_if_absent is atomic.

A failed check raises StoreUnusable with a remedy. A check can find a fault, but cannot rule one out.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from uuid import uuid4

from slomo_batch.errors import AccessRefused, ObjectMissing, StorageError, StoreUnusable
from slomo_batch.storage.store import ObjectStore

RACERS = 6
RACES = 3
"""Run side by side: some servers make the losers of a race wait for seconds."""
BARRIER_TIMEOUT_S = 60
"""How long simultaneous writers wait for each other to start."""
_UNSAFE = (
    "Commits are not safe on this store. Use AWS S3, a server that honors If-None-Match on PUT atomically (SeaweedFS, "
    "Ceph), or a folder as the work place."
)


def check_access(store: ObjectStore, key: str, *, write: bool) -> None:
    """Check that the store exists and permits reading; with `write`, also writing and deleting.

    The read check requests `key`, which need not exist. The write check creates, reads and deletes an object at `key`,
    so nothing else may use that key.

    Raises:
        StoreUnusable: the store does not exist, refuses access, or returns other data than was written.
    """
    with _probing(store, "write to" if write else "read"):
        if write:
            _write_and_read(store, key)
        else:
            _read(store, key)


def check_put_if_absent(store: ObjectStore, key_of: Callable[[str], str]) -> None:
    """Check that put_if_absent creates an object at most once, with sequential and with simultaneous writers.

    `key_of` makes a key from random text. The objects written there are deleted afterwards.

    Raises:
        StoreUnusable: a later writer succeeded, or the first one failed.
    """
    with _probing(store, "write to"):
        _check_sequential_writers(store, key_of(uuid4().hex))
        with ThreadPoolExecutor(RACES) as pool:
            for race in [pool.submit(_check_simultaneous_writers, store, key_of(uuid4().hex)) for _ in range(RACES)]:
                race.result()


def _read(store: ObjectStore, key: str) -> None:
    try:
        store.get_range(key, 0, 1)
    except ObjectMissing:
        return
    except AccessRefused:
        # Without permission to list, S3 answers 403 for a missing key. If listing works, only this key may be
        # forbidden.
        next(store.list(key), None)


def _write_and_read(store: ObjectStore, key: str) -> None:
    data = uuid4().bytes
    with _deleting(store, [key]):
        store.put(key, data)
        if store.get(key) != data:
            raise StoreUnusable("a read returned other data than was just written", where=store.uri(key))
    try:
        store.get(key)
    except ObjectMissing:
        return
    raise StoreUnusable("a deleted object can still be read", where=store.uri(key))


def _check_sequential_writers(store: ObjectStore, key: str) -> None:
    first, second = (uuid4().bytes for _ in range(2))
    with _deleting(store, [key]):
        won = (store.put_if_absent(key, first), store.put_if_absent(key, second))
        if won != (True, False) or store.get(key) != first:
            raise StoreUnusable(
                "put-if-absent overwrites an existing object",
                where=store.root,
                expected="the first of two writers to win",
                got=f"{_outcome(won)}",
                remedy=_UNSAFE,
            )


def _check_simultaneous_writers(store: ObjectStore, key: str) -> None:
    bodies = [uuid4().bytes for _ in range(RACERS)]
    start = Barrier(RACERS)

    def race(body: bytes) -> bool:
        start.wait(BARRIER_TIMEOUT_S)
        return store.put_if_absent(key, body)

    with _deleting(store, [key]):
        with ThreadPoolExecutor(RACERS) as pool:
            try:
                won = tuple(pool.map(race, bodies))
            except BaseException:
                start.abort()  # else the others wait for the one that could not start
                raise
        if sum(won) != 1 or store.get(key) != bodies[won.index(True)]:
            raise StoreUnusable(
                "put-if-absent is not atomic",
                where=store.root,
                expected=f"one of {RACERS} simultaneous writers to win",
                got=_outcome(won),
                remedy=_UNSAFE,
            )


def _outcome(won: Iterable[bool]) -> str:
    return f"{sum(won)} winners" if sum(won) != 1 else "the data of a writer that did not win"


@contextmanager
def _deleting(store: ObjectStore, keys: list[str]) -> Iterator[None]:
    try:
        yield
    finally:
        store.delete(keys)


@contextmanager
def _probing(store: ObjectStore, purpose: str) -> Iterator[None]:
    """Raise StoreUnusable for any storage error of a check."""
    try:
        yield
    except StorageError as error:
        raise StoreUnusable(
            f"cannot {purpose} this store: {error.what}",
            where=error.where or store.root,
            got=error.got,
            remedy=error.remedy,
        ) from error
