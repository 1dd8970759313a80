"""MeteredStore: wrap a store and count the bytes read and written, for one call and the threads that read for it."""

import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from slomo_batch.storage.store import ObjectInfo, ObjectStore
from slomo_batch.uri import Uri


@dataclass(slots=True)
class Traffic:
    """Bytes of object contents that one call read and wrote, without listings, headers and retries."""

    read_bytes: int = 0
    written_bytes: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def count_read(self, size_bytes: int) -> None:
        """Count bytes that were read; several threads may read for a call."""
        with self._lock:
            self.read_bytes += size_bytes


class MeteredStore:
    """Passes each call to `store` and adds its bytes to `traffic`."""

    def __init__(self, store: ObjectStore, traffic: Traffic) -> None:
        self._store = store
        self._traffic = traffic

    @property
    def root(self) -> Uri:
        """See ObjectStore."""
        return self._store.root

    def uri(self, key: str) -> Uri:
        """See ObjectStore."""
        return self._store.uri(key)

    def head(self, key: str) -> ObjectInfo:
        """See ObjectStore."""
        return self._store.head(key)

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        return self._read(self._store.get(key))

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """See ObjectStore."""
        return self._read(self._store.get_range(key, start, end, fingerprint=fingerprint))

    def _read(self, data: bytes) -> bytes:
        self._traffic.count_read(len(data))
        return data

    def get_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        self._store.get_file(key, path)
        self._traffic.count_read(path.stat().st_size)

    def put(self, key: str, data: bytes) -> None:
        """See ObjectStore."""
        self._store.put(key, data)
        self._traffic.written_bytes += len(data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See ObjectStore."""
        won = self._store.put_if_absent(key, data)
        self._traffic.written_bytes += len(data) if won else 0
        return won

    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        """See ObjectStore."""
        self._store.put_file(key, path, over=over)
        self._traffic.written_bytes += path.stat().st_size

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See ObjectStore."""
        return self._store.list(prefix)

    def folders(self, prefix: str) -> "builtins.list[str]":
        """See ObjectStore."""
        return self._store.folders(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        self._store.delete(keys)

    def upload_size(self, key: str, token: str) -> int | None:
        """See ObjectStore."""
        return self._store.upload_size(key, token)

    def abort(self, key: str, token: str) -> None:
        """See ObjectStore."""
        self._store.abort(key, token)

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore."""
        return self._store.abandoned(prefix)
