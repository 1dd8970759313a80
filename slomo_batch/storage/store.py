"""ObjectStore: the contract that folders, S3 and memory keep alike."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One stored object as the store describes it."""

    key: str
    size_bytes: int
    fingerprint: str
    """Changes when the object does: version id or ETag on S3; size, mtime and hash of head and tail on disk. Empty in a
    listing of a folder, where it would cost a read per file: ask `head`."""


class ObjectStore(Protocol):
    """Objects under a root (a folder, or a bucket and prefix). Keys are relative, "/"-separated, without "." and "..".

    Failures are the StorageError family: ObjectMissing, ObjectChanged, AccessRefused, StorageBusy after bounded retries
    with back-off; StoreUnusable when the root itself cannot be used.
    """

    @property
    def root(self) -> str:
        """URI of the root, without a trailing slash."""

    def uri(self, key: str) -> str:
        """URI of an object, for messages and reports."""

    def head(self, key: str) -> ObjectInfo:
        """Describe one object."""

    def get(self, key: str) -> bytes:
        """Read one object whole."""

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, only of that very object."""

    def put(self, key: str, data: bytes) -> None:
        """Write one object, replacing any; readers see the old or the new one, never a part."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write only where nothing stands. True when `data` stands there now and this call put it there, decided by
        reading back; False when another's data was first. `data` must be unlike any other writer's."""

    def put_file(self, key: str, path: Path) -> None:
        """Upload a file, replacing any object; complete or not at all; size and checksum checked."""

    def get_file(self, key: str, path: Path) -> None:
        """Download an object into a file."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with prefix, in key order. On S3 one request per 1,000."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects; missing ones are no error."""
