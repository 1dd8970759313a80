"""Committing: one small record by put-if-absent, decided by reading back; the first of several attempts wins."""

from typing import TypeVar

from slomo_batch.documents import from_json, to_json
from slomo_batch.errors import ObjectMissing
from slomo_batch.storage.store import ObjectStore

T = TypeVar("T")


def committed(store: ObjectStore, key: str, kind: type[T]) -> T | None:
    """The record that stands under `key`, or None."""
    try:
        return from_json(kind, store.get(key))
    except ObjectMissing:
        return None


def commit(store: ObjectStore, key: str, record: T) -> T:
    """Put `record` under `key` unless one stands there already; whichever stands is returned."""
    if store.put_if_absent(key, to_json(record)):
        return record
    return from_json(type(record), store.get(key))
