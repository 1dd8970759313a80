"""What a store must be able to do, tried before any work starts; every doubt is a StoreUnusable with a remedy.

A probe can find a fault, not rule one out: a store that passes has kept its promise this time.
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
"""How long racers wait for one another."""
_UNSAFE = (
    "Commits would not be safe there. Use AWS S3, a server that honours If-None-Match on PUT atomically (SeaweedFS, "
    "Ceph), or a folder as the work place."
)


def check_access(store: ObjectStore, key: str, *, write: bool) -> None:
    """Show that the store is there and lets us read, or with `write` also write and delete.

    Reading asks for `key`, which need not exist. Writing makes, reads and deletes an object under `key`, which must
    not be anyone's.

    Raises:
        StoreUnusable: no such place, refused, or not what was written.
    """
    with _probing(store, "write to" if write else "read"):
        if write:
            _write_and_read(store, key)
        else:
            _read(store, key)


def check_put_if_absent(store: ObjectStore, key_of: Callable[[str], str]) -> None:
    """Try to disprove that put_if_absent creates at most once, one writer after the other and many at a time.

    `key_of` makes a key of a random text; what is written there is deleted again.

    Raises:
        StoreUnusable: a second writer won, or the first one lost.
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
        # Without leave to list, a missing key looks forbidden; with leave to list, it may be this key alone.
        next(store.list(key), None)


def _write_and_read(store: ObjectStore, key: str) -> None:
    data = uuid4().bytes
    with _deleting(store, [key]):
        store.put(key, data)
        if store.get(key) != data:
            raise StoreUnusable("what was written is not what is read", where=store.uri(key))
    try:
        store.get(key)
    except ObjectMissing:
        return
    raise StoreUnusable("an object stands although it was deleted", where=store.uri(key))


def _check_sequential_writers(store: ObjectStore, key: str) -> None:
    first, second = (uuid4().bytes for _ in range(2))
    with _deleting(store, [key]):
        won = (store.put_if_absent(key, first), store.put_if_absent(key, second))
        if won != (True, False) or store.get(key) != first:
            raise StoreUnusable(
                "put-if-absent overwrites what stands",
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
                start.abort()  # one that cannot be started is waited for by the others
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
    return f"{sum(won)} winners" if sum(won) != 1 else "another one's data than the winner's"


@contextmanager
def _deleting(store: ObjectStore, keys: list[str]) -> Iterator[None]:
    try:
        yield
    finally:
        store.delete(keys)


@contextmanager
def _probing(store: ObjectStore, purpose: str) -> Iterator[None]:
    """Whatever a store answers to a probe other than what it should makes it unusable."""
    try:
        yield
    except StorageError as error:
        raise StoreUnusable(
            f"cannot {purpose} this place: {error.what}",
            where=error.where or store.root,
            got=error.got,
            remedy=error.remedy,
        ) from error
