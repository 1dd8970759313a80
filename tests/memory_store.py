"""MemoryStore: objects in this process's memory, with the interface of ObjectStore."""

import builtins
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock

from slomo_batch.errors import ObjectChanged, ObjectMissing
from slomo_batch.storage.keys import checked_key
from slomo_batch.storage.store import ObjectInfo
from slomo_batch.uri import Uri


class MemoryStore:
    """Objects in a dictionary."""

    def __init__(self, name: str = "memory") -> None:
        self._root = Uri(f"memory://{name}")
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    @property
    def root(self) -> Uri:
        """URI of the root."""
        return self._root

    def uri(self, key: str) -> Uri:
        """URI of an object."""
        return Uri(f"{self._root}/{key}")

    def head(self, key: str) -> ObjectInfo:
        """Describe one object."""
        return _describe(key, self.get(key))

    def get(self, key: str) -> bytes:
        """Read one object whole."""
        try:
            return self._objects[checked_key(key, self._root)]
        except KeyError:
            raise ObjectMissing("no such object", where=self.uri(key)) from None

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, fail if the object changed."""
        data = self.get(key)
        got = _describe(key, data).fingerprint
        if fingerprint not in {"", got}:
            raise ObjectChanged("the object changed", where=self.uri(key), expected=fingerprint, got=got)
        return data[start : max(start, end)]

    def put(self, key: str, data: bytes) -> None:
        """Write one object, replacing an existing one."""
        with self._lock:
            self._objects[checked_key(key, self._root)] = bytes(data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write only if no object exists; return whether the object now holds `data`."""
        with self._lock:
            return self._objects.setdefault(checked_key(key, self._root), bytes(data)) == data

    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        """Copy a file into the store, replacing an existing object, or only the one with the fingerprint `over`."""
        with self._lock:
            found = self._objects.get(key)
            if over is not None and over != ("" if found is None else _describe(key, found).fingerprint):
                raise ObjectChanged("the object changed", where=self.uri(key))
            self._objects[checked_key(key, self._root)] = path.read_bytes()

    def get_file(self, key: str, path: Path) -> None:
        """Write an object into a file."""
        path.write_bytes(self.get(key))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with prefix, in key order."""
        with self._lock:
            found = sorted((key, data) for key, data in self._objects.items() if key.startswith(prefix))
        return (_describe(key, data) for key, data in found)

    def folders(self, prefix: str) -> "builtins.list[str]":
        """Names of the folders directly below a prefix."""
        with self._lock:
            below = [key.removeprefix(prefix) for key in self._objects if key.startswith(prefix)]
        return sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects; missing ones are no error."""
        with self._lock:
            for key in keys:
                self._objects.pop(checked_key(key, self._root), None)

    def upload_size(self, key: str, token: str) -> None:
        """There are no uploads."""
        del key, token

    def abort(self, key: str, token: str) -> None:
        """There are no uploads."""

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """There are no files."""
        del prefix
        return iter(())


def _describe(key: str, data: bytes) -> ObjectInfo:
    return ObjectInfo(key=key, size_bytes=len(data), fingerprint=hashlib.sha256(data).hexdigest()[:32])
