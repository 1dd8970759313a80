"""LocalStore: objects as files under a folder, local or on a network file system.

A reader sees a whole object or none: every write goes to a temporary file beside its final name, is flushed to the
disk, and takes the name in one step: by rename where it replaces, by hard link where nothing may be replaced.
"""

import errno
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
from uuid import uuid4

from slomo_batch.errors import AccessRefused, ObjectChanged, ObjectMissing, StorageBusy
from slomo_batch.storage.folders import Unlisted, status_of, walk
from slomo_batch.storage.keys import checked_key
from slomo_batch.storage.local_errors import with_retries
from slomo_batch.storage.store import NullUploadLog, ObjectInfo, Upload, UploadLog

P = ParamSpec("P")
T = TypeVar("T")

HASHED_BYTES = 65536
"""How much of a file's head and of its tail is part of its fingerprint."""
COPY_BYTES = 1 << 20
MKDIR_TRIES = 100
"""Times a folder is made again that another process removes before a file stands in it."""
SETTLED_NS = 2_000_000_000
"""Age from which a file's status would show another change."""
REMEMBERED = 256
"""Files whose fingerprint a store knows to be good; beyond it the oldest is forgotten and would be hashed again."""

_TEMPORARY = re.compile(r"\.slomo-[0-9a-f]{32}\.part")


def _retried(
    operation: Callable[Concatenate["LocalStore", str, P], T],
) -> Callable[Concatenate["LocalStore", str, P], T]:
    """Report the file system's failures as ours, after a few tries where they may pass. Operations are idempotent."""

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
    def root(self) -> str:
        """Absolute path of the folder."""
        return str(self._root)

    def uri(self, key: str) -> str:
        """Absolute path of an object."""
        return str(self._root / key)

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
        """Read bytes [start, end), fewer only where the object ends; with a fingerprint, only of that very object."""
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
        """Objects whose key starts with prefix, in key order, a folder at a time; links to a folder above are left out.

        Fingerprints are empty: `head` tells them.

        Raises:
            StorageError: a file or folder on the way cannot be looked into. A folder deleted meanwhile is no error.
        """
        for found in self.list_entering(prefix, lambda _folder: True):
            if isinstance(found, ObjectInfo):
                yield found
            elif not isinstance(found.error, ObjectMissing):
                raise found.error

    def list_entering(self, prefix: str, enter: Callable[[str], bool]) -> Iterator[ObjectInfo | Unlisted]:
        """As `list`, but look only into folders for which `enter` returns True; it gets their keys, without a slash.

        What cannot be looked into is listed as such, and all else is listed.
        """
        folder = prefix.rpartition("/")[0]
        if folder:
            checked_key(folder, self.root)
        return walk(self._root, prefix, enter, _is_temporary)

    @_retried
    def status(self, key: str) -> os.stat_result | None:
        """Status of the file or folder under a key, links followed; None if there is none."""
        return status_of(self._path(key))

    # ---- writing ---------------------------------------------------------------------------------------------------

    @_retried
    def put(self, key: str, data: bytes) -> None:
        """Write one object, replacing any; readers see the old or the new one, never a part."""
        path = self._path(key)
        with self._uploading(path) as (part, temporary):
            temporary.write(data)
            _finish(part, temporary, path)

    @_retried
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write only where nothing stands, and say whether `data` stands there now."""
        path = self._path(key)
        with self._uploading(path) as (part, temporary):
            temporary.write(data)
            temporary.flush()
            os.fsync(temporary.fileno())
            # A network file system may report a failure for a link that was made: the content decides, not the answer.
            with suppress(FileExistsError):
                _link(part, path)
            _flush_folder(path.parent)
        try:
            return path.read_bytes() == data
        except FileNotFoundError:  # deleted again by another process
            return False

    @_retried
    def put_file(self, key: str, path: Path) -> None:
        """Copy a file in, replacing any object; what arrived is read again and compared before it gets its name."""
        target = self._path(key)
        with path.open("rb") as source, self._uploading(target) as (part, temporary):
            sent = _copy(source, temporary)
            temporary.flush()
            os.fsync(temporary.fileno())
            arrived = _checksum(part)
            if arrived != sent:
                raise StorageBusy(
                    "a copy does not equal its source",
                    where=str(target),
                    expected=f"{sent[0]} bytes with CRC-32 {sent[1]:08x}",
                    got=f"{arrived[0]} bytes with CRC-32 {arrived[1]:08x}",
                )
            _finish(part, temporary, target)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects, and the folders they leave empty; missing ones are no error."""
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
            except OSError:  # not empty, gone already, or not ours to remove: it may stay
                return

    @contextmanager
    def _uploading(self, path: Path) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file beside `path`, recorded for as long as it stands."""
        part = _beside(path)
        upload = Upload(uri=str(path), token=part.name)
        self._uploads.begun(upload)
        try:
            with _temporary(part) as opened:
                yield opened
        finally:
            if not part.exists():
                self._uploads.ended(upload)

    # ---- what killed writers leave ---------------------------------------------------------------------------------

    @_retried
    def upload_size(self, key: str, token: str) -> int | None:
        """Bytes of the temporary file that an upload was killed with; None where it is gone."""
        try:
            return self._part(key, token).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    @_retried
    def abort(self, key: str, token: str) -> None:
        """Delete this temporary file; none is no error."""
        with suppress(NotADirectoryError):
            self._part(key, token).unlink(missing_ok=True)

    def _part(self, key: str, token: str) -> Path:
        if not _TEMPORARY.fullmatch(token):
            raise AccessRefused("no upload can have this name", where=self.uri(key), got=repr(token))
        return self._path(key).with_name(token)

    def abandoned(self, prefix: str) -> Iterator[ObjectInfo]:
        """Temporary files below a folder."""
        return iter(self._abandoned(prefix.rstrip("/")))

    @_retried
    def _abandoned(self, folder: str) -> Sequence[ObjectInfo]:
        found = []
        for path in sorted((self._root / checked_key(folder, self.root)).rglob(".slomo-*.part")):
            with suppress(FileNotFoundError):  # its writer is alive, and has finished
                if _is_temporary(path.name) and path.is_file():
                    key = path.relative_to(self._root).as_posix()
                    found.append(ObjectInfo(key=key, size_bytes=path.stat().st_size, fingerprint=""))
        return found

    # ---- files -----------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> Path:
        checked_key(key, self.root)
        if "//" in key:
            raise AccessRefused("no file can have this key", where=self.root, got=repr(key))
        return self._root / key

    def _open(self, key: str) -> BinaryIO:
        path = self._path(key)
        try:
            file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115 Path.open has no opener
        except (IsADirectoryError, NotADirectoryError) as error:
            raise ObjectMissing("no such file", where=str(path), got="a folder, or nothing") from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise ObjectMissing("not a file", where=str(path))
        return file

    def _check_fingerprint(self, key: str, file: BinaryIO, fingerprint: str) -> None:
        """Raise unless the open file is the one of this fingerprint."""
        got = self._fingerprint(key, file)
        if got != fingerprint:
            raise ObjectChanged("the file changed", where=self.uri(key), expected=fingerprint, got=got)

    def _fingerprint(self, key: str, file: BinaryIO) -> str:
        """Size, mtime and hash of head and tail; hashed once per file, and again when the file's status changed at all.

        A status holds the inode and its change time, which no program can set back: two of them being equal, the file
        was not written to in between, so a ranged read costs two fstat and no hash. A file changed a moment ago is not
        remembered: the clock of a file system may be too coarse to tell its next change.
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
    """Open a path; a pipe without a writer would make us wait for one."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_temporary(name: str) -> bool:
    """Whether a file of this name is a write under way, or what a killed one left."""
    return _TEMPORARY.fullmatch(name) is not None


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, end - start))


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[int, int]:
    """Copy all of it; its size and CRC-32."""
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
    """Where what is to become `path` is written first; a name that nobody else has."""
    return path.with_name(f".slomo-{uuid4().hex}.part")


@contextmanager
def _temporary(part: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file, gone afterwards unless it was renamed; folders on the way are made."""
    file = _create(part)
    try:
        with file:
            yield part, file
    finally:
        part.unlink(missing_ok=True)


def _create(part: Path) -> BinaryIO:
    """Create a file and its folders, also while others remove folders that look empty."""
    for remaining in reversed(range(MKDIR_TRIES)):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            return part.open("xb")
        except (FileNotFoundError, FileExistsError):
            if not remaining:
                raise
    raise AssertionError("the last try returns or raises")


def _finish(part: Path, file: BinaryIO, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    part.replace(path)
    _flush_folder(path.parent)


def _link(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except PermissionError as error:
        # What link(2) says where a file system has no hard links; the folder was just written to.
        if error.errno == errno.EPERM:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from error
        raise


def _flush_folder(folder: Path) -> None:
    """Make a new name survive a power cut; file systems that cannot flush a folder say EINVAL."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(descriptor)
