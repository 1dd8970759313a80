"""ObjectStore: the interface of folders and S3."""

import builtins
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slomo_batch.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """Key, size and fingerprint of a stored object."""

    key: str
    size_bytes: int
    fingerprint: str
    """Changes when the object does: version id or ETag on S3; size, mtime and hash of head and tail on disk. Empty in a
    listing of a folder, where it would cost a read per file: ask `head`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A write in progress. If the process is killed, it leaves data that are not an object."""

    uri: Uri
    """Of the object that it writes."""
    token: str
    """Id of the multipart upload on S3; name of the temporary file in a folder."""


class UploadLog(Protocol):
    """Records a store's uploads, so that those of killed processes can be found and aborted."""

    def begun(self, upload: Upload) -> None:
        """Record an upload before it stores data. An exception raised here stops the upload."""

    def ended(self, upload: Upload) -> None:
        """Record that no data of the upload remain, whether or not its object exists."""


class NullUploadLog:
    """An UploadLog that records nothing."""

    def begun(self, upload: Upload) -> None:
        """See UploadLog."""

    def ended(self, upload: Upload) -> None:
        """See UploadLog."""


class ObjectStore(Protocol):
    """Objects under a root (a folder, or a bucket and prefix). Keys are relative, "/"-separated, without "." and "..".

    Raises StorageErrors: ObjectMissing, ObjectChanged, AccessRefused, StorageBusy after bounded retries
    with back-off; StoreUnusable when the root itself cannot be used.
    """

    @property
    def root(self) -> Uri:
        """URI of the root, without a trailing slash."""

    def uri(self, key: str) -> Uri:
        """URI of an object, for messages and reports."""

    def head(self, key: str) -> ObjectInfo:
        """Describe one object."""

    def get(self, key: str) -> bytes:
        """Read one object whole."""

    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, fail if the object changed."""

    def put(self, key: str, data: bytes) -> None:
        """Write one object atomically, replacing an existing one."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write only if no object exists. Return True if the object now holds `data`, found by reading it back; False
        if another writer was first. `data` must differ from any other writer's."""

    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        """Upload a file atomically, replacing an existing object. Size and checksum are checked.

        With `over`, only the object with this fingerprint is replaced, or none exists if it is empty; else
        ObjectChanged is raised, and the other object stays. S3 decides that with the write, if the server honors
        If-Match; a folder looks just before it renames.
        """

    def get_file(self, key: str, path: Path) -> None:
        """Download an object into a file."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with prefix, in key order. On S3 one request per 1,000."""

    def folders(self, prefix: str) -> "builtins.list[str]":
        """Names of the folders directly below a prefix that ends in a slash, in order, without listing their objects.

        On S3 these are the common prefixes of keys.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects. Missing objects are no error."""

    # Unfinished uploads of killed processes. They are not objects and not listed.

    def upload_size(self, key: str, token: str) -> int | None:
        """Bytes held by an unfinished upload to `key`; None if no data remain."""

    def abort(self, key: str, token: str) -> None:
        """Delete the data of this upload. An upload without data is no error."""

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """List temporary files below a folder; `delete` accepts their keys. There are none on S3."""


Locate = Callable[[Uri], tuple[ObjectStore, str]]
"""Returns the store of a URI, and the key in it."""
