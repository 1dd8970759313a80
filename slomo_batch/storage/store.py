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


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A write under way. A process that is killed amid it leaves something behind that is no object."""

    uri: str
    """Of the object that is to stand there."""
    token: str
    """What the store knows it by: the id of a multipart upload on S3, the name of a temporary file in a folder."""


class UploadLog(Protocol):
    """Hears of a store's uploads, so that those which a kill cut off can be found. It decides where that is kept."""

    def begun(self, upload: Upload) -> None:
        """It is about to hold something. What is raised here stops it."""

    def ended(self, upload: Upload) -> None:
        """Nothing of it is left, whether its object stands or not."""


class NullUploadLog:
    """An UploadLog that keeps nothing."""

    def begun(self, upload: Upload) -> None:
        """See UploadLog."""

    def ended(self, upload: Upload) -> None:
        """See UploadLog."""


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

    # What killed writers leave. It is no object and in no listing.

    def upload_size(self, key: str, token: str) -> int | None:
        """Bytes held by an upload to `key` that was not finished; None where nothing of it is left."""

    def abort(self, key: str, token: str) -> None:
        """Delete what is left of this very upload; nothing left is no error."""

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """Files below a folder that were to become objects; `delete` takes their keys. On S3 there is no such thing."""
