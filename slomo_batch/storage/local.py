"""LocalStore: objects as files under a folder, local or on a network file system.

Writes are atomic: data go to a temporary file in the same folder, are flushed to the disk, and then get the final name
(`final_names`).
"""

import builtins
import hashlib
import os
import re
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import BinaryIO, Concatenate, ParamSpec, TypeVar

from slomo_batch.errors import AccessRefused, ObjectChanged, ObjectMissing, StorageBusy
from slomo_batch.storage.final_names import rename, rename_if_absent, unique_name
from slomo_batch.storage.folders import Unlisted, status_of, walk
from slomo_batch.storage.keys import checked_key
from slomo_batch.storage.local_errors import with_retries
from slomo_batch.storage.store import NullUploadLog, ObjectInfo, Upload, UploadLog
from slomo_batch.uri import Uri

P = ParamSpec("P")
T = TypeVar("T")

HASHED_BYTES = 65536
"""How much of a file's head and of its tail is part of its fingerprint."""
COPY_BYTES = 1 << 20
MKDIR_TRIES = 100
"""Tries to create a folder that another process removes before a file is created in it."""
SETTLED_NS = 2_000_000_000
"""Age of the last change from which the clock of the file system shows another one."""
REMEMBERED = 256
"""Number of files whose fingerprint a store caches. The oldest is dropped first."""

_TEMPORARY = re.compile(r"\.slomo-[0-9a-f]{32}\.part")


def _retried(
    operation: Callable[Concatenate["LocalStore", str, P], T],
) -> Callable[Concatenate["LocalStore", str, P], T]:
    """Retry temporary errors of the file system, and raise the others as SlomoError. Operations are idempotent."""

    @wraps(operation)
    def attempt(store: "LocalStore", key: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return with_retries(lambda: operation(store, key, *args, **kwargs), store.uri(key))

    return attempt


class LocalStore:
    """Objects under one folder, which need not exist until the first write."""

    def __init__(self, root: Path, uploads: UploadLog | None = None) -> None:
        self._root = root.absolute()
        self._uploads = uploads or NullUploadLog()
        self._fingerprints: dict[str, tuple[str, tuple[int, ...]]] = {}

    @property
    def root(self) -> Uri:
        """Absolute path of the folder."""
        return Uri(self._root)

    def uri(self, key: str) -> Uri:
        """Absolute path of an object."""
        return Uri(self._root / key)

    # ---- reading ---------------------------------------------------------------------------------------------------

    @_retried
    def head(self, key: str) -> ObjectInfo:
        """Describe one object."""
        with self._open(key) as file:
            fingerprint = self._fingerprint(key, file)
            return ObjectInfo(key=key, size_bytes=os.fstat(file.fileno()).st_size, fingerprint=fingerprint)

    @_retried
    def get(self, key: str) -> bytes:
        """Read one object whole."""
        with self._open(key) as file:
            return file.read()

    @_retried
    def get_range(self, key: str, start: int, end: int, *, fingerprint: str = "") -> bytes:
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, fail if the object changed."""
        with self._open(key) as file:
            if fingerprint:
                self._check_fingerprint(key, file, fingerprint)
            data = _read(file, start, end)
            if fingerprint:
                self._check_fingerprint(key, file, fingerprint)
            return data

    @_retried
    def get_file(self, key: str, path: Path) -> None:
        """Download an object into a file."""
        with self._open(key) as file, _temporary(_beside(path)) as (part, temporary):
            _copy(file, temporary)
            part.replace(path)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with prefix, in key order, one folder at a time. Links to a parent folder are
        skipped.

        Fingerprints are empty; `head` returns them.

        Raises:
            StorageError: a file or folder cannot be read. A folder deleted meanwhile is no error.
        """
        for found in self.list_entering(prefix, lambda _folder: True):
            if isinstance(found, ObjectInfo):
                yield found
            elif not isinstance(found.error, ObjectMissing):
                raise found.error

    def list_entering(self, prefix: str, enter: Callable[[str], bool]) -> Iterator[ObjectInfo | Unlisted]:
        """Like `list`, but list only folders for which `enter` returns True; it takes their keys, without a slash.

        A file or folder that cannot be read is returned as Unlisted.
        """
        folder = prefix.rpartition("/")[0]
        if folder:
            checked_key(folder, self.root)
        return walk(self._root, prefix, enter, _is_temporary)

    @_retried
    def folders(self, prefix: str) -> "builtins.list[str]":
        """Names of the folders directly below a prefix that ends in a slash, in order."""
        folder = self._path(prefix.rstrip("/")) if prefix else self._root
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    @_retried
    def status(self, key: str) -> os.stat_result | None:
        """Return the status of the file or folder at a key, following links; None if it does not exist."""
        return status_of(self._path(key))

    # ---- writing ---------------------------------------------------------------------------------------------------

    @_retried
    def put(self, key: str, data: bytes) -> None:
        """Write one object atomically, replacing an existing one."""
        path = self._path(key)
        with self._uploading(path) as (part, temporary):
            temporary.write(data)
            _flush(temporary)
            rename(part, path)

    @_retried
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write only if no object exists; return whether the object now holds `data`."""
        path = self._path(key)
        with self._uploading(path) as (part, temporary):
            temporary.write(data)
            _flush(temporary)
            rename_if_absent(part, path)
        try:
            return path.read_bytes() == data
        except FileNotFoundError:  # deleted again by another process
            return False

    @_retried
    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        """Copy a file into the store, replacing an existing object, or only the one with the fingerprint `over`. The
        copy is read back, from the disk and not from memory where the system allows it, and compared before the rename.
        """
        target = self._path(key)
        with path.open("rb") as source, self._uploading(target) as (part, temporary):
            sent = _copy(source, temporary)
            _flush(temporary)
            _forget_pages(temporary)
            arrived = _checksum(part)
            if arrived != sent:
                raise StorageBusy(
                    "the copy differs from its source",
                    where=str(target),
                    expected=f"{sent[0]} bytes with CRC-32 {sent[1]:08x}",
                    got=f"{arrived[0]} bytes with CRC-32 {arrived[1]:08x}",
                )
            if over is not None:
                self._check_replaced(key, over)
            rename(part, target)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects and the folders that become empty. Missing objects are no error."""
        for key in keys:
            self._delete(key)

    @_retried
    def _delete(self, key: str) -> None:
        path = self._path(key)
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        for folder in path.parents:
            if folder == self._root or self._root not in folder.parents:
                return
            try:
                folder.rmdir()
            except OSError:  # not empty, deleted meanwhile, or no permission: keep it
                return

    @contextmanager
    def _uploading(self, path: Path) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file in the folder of `path`, recorded while it exists."""
        part = _beside(path)
        upload = Upload(uri=Uri(path), token=part.name)
        self._uploads.begun(upload)
        try:
            with _temporary(part) as opened:
                yield opened
        finally:
            if not part.exists():
                self._uploads.ended(upload)

    # ---- unfinished uploads ------------------------------------------------------------------------------------------

    @_retried
    def upload_size(self, key: str, token: str) -> int | None:
        """Bytes of the temporary file of an unfinished upload; None if it does not exist."""
        try:
            return self._part(key, token).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    @_retried
    def abort(self, key: str, token: str) -> None:
        """Delete this temporary file. A missing one is no error."""
        with suppress(NotADirectoryError):
            self._part(key, token).unlink(missing_ok=True)

    def _part(self, key: str, token: str) -> Path:
        if not _TEMPORARY.fullmatch(token):
            raise AccessRefused("invalid name of a temporary file", where=self.uri(key), got=repr(token))
        return self._path(key).with_name(token)

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """List temporary files below a folder."""
        return iter(self._abandoned(prefix.rstrip("/")))

    @_retried
    def _abandoned(self, folder: str) -> Sequence[ObjectInfo]:
        found = []
        for path in sorted((self._root / checked_key(folder, self.root)).rglob(".slomo-*.part")):
            with suppress(FileNotFoundError):  # its writer is still running and has just finished
                if _is_temporary(path.name) and path.is_file():
                    key = path.relative_to(self._root).as_posix()
                    found.append(ObjectInfo(key=key, size_bytes=path.stat().st_size, fingerprint=""))
        return found

    # ---- files -----------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> Path:
        checked_key(key, self.root)
        if "//" in key:
            raise AccessRefused("invalid object key for a file", where=self.root, got=repr(key))
        return self._root / key

    def _open(self, key: str) -> BinaryIO:
        path = self._path(key)
        try:
            file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115 Path.open has no opener
        except (IsADirectoryError, NotADirectoryError) as error:
            raise ObjectMissing("no such file", where=str(path), got="a folder, or a path below a file") from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise ObjectMissing("not a regular file", where=str(path))
        return file

    def _check_replaced(self, key: str, fingerprint: str) -> None:
        """Raise ObjectChanged if the file that is about to be replaced has another fingerprint; "" means none."""
        try:
            with self._open(key) as file:
                self._check_fingerprint(key, file, fingerprint)
        except (FileNotFoundError, PermissionError, ObjectMissing) as error:
            if fingerprint:
                raise ObjectChanged("the file is gone", where=self.uri(key), expected=fingerprint) from error

    def _check_fingerprint(self, key: str, file: BinaryIO, fingerprint: str) -> None:
        """Raise ObjectChanged if the open file has another fingerprint."""
        got = self._fingerprint(key, file)
        if got != fingerprint:
            raise ObjectChanged("the file changed", where=self.uri(key), expected=fingerprint, got=got)

    def _fingerprint(self, key: str, file: BinaryIO) -> str:
        """Return size, mtime and hash of head and tail. A file is hashed again only if its status changed.

        The status includes the inode and its change time, which no program can set back. If two are equal, the file was
        not written in between, so a ranged read costs two fstat calls and no hash. A file that changed a moment ago is
        not cached, since the clock of a file system may be too coarse to show its next change.
        """
        status = os.fstat(file.fileno())
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known, known_identity = self._fingerprints.get(key, ("", ()))
        if identity == known_identity:
            return known
        hashed = hashlib.sha256(_read(file, 0, HASHED_BYTES))
        hashed.update(_read(file, max(HASHED_BYTES, status.st_size - HASHED_BYTES), status.st_size))
        fingerprint = f"{status.st_size}-{status.st_mtime_ns}-{hashed.hexdigest()[:32]}"
        if time.time_ns() - status.st_ctime_ns > SETTLED_NS:
            self._remember(key, fingerprint, identity)
        return fingerprint

    def _remember(self, key: str, fingerprint: str, identity: tuple[int, ...]) -> None:
        self._fingerprints[key] = (fingerprint, identity)
        for oldest in list(self._fingerprints)[:-REMEMBERED]:
            self._fingerprints.pop(oldest, None)


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a path without waiting for the writer of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_temporary(name: str) -> bool:
    """Whether a file of this name is a temporary file, of a running write or of a killed one."""
    return _TEMPORARY.fullmatch(name) is not None


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, end - start))


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[int, int]:
    """Copy all data; return its size and CRC-32."""
    size, checksum = 0, 0
    while data := source.read(COPY_BYTES):
        target.write(data)
        size, checksum = size + len(data), zlib.crc32(data, checksum)
    return size, checksum


def _checksum(path: Path) -> tuple[int, int]:
    size, checksum = 0, 0
    with path.open("rb") as file:
        while data := file.read(COPY_BYTES):
            size, checksum = size + len(data), zlib.crc32(data, checksum)
    return size, checksum


def _beside(path: Path) -> Path:
    """A unique temporary path in the folder of `path`."""
    return path.with_name(unique_name())


@contextmanager
def _temporary(part: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Create a file and its folders. Afterwards the file is deleted unless it was renamed."""
    file = _create(part)
    try:
        with file:
            yield part, file
    finally:
        part.unlink(missing_ok=True)


def _create(part: Path) -> BinaryIO:
    """Create a file and its folders, even if other processes remove empty folders meanwhile."""
    for remaining in reversed(range(MKDIR_TRIES)):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            return part.open("xb")
        except (FileNotFoundError, FileExistsError):
            if not remaining:
                raise
    raise AssertionError("the last try returns or raises")


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _forget_pages(file: BinaryIO) -> None:
    """Drop the flushed pages of a file from memory, so that it is read from its disk or its server next."""
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
