"""List every file below a folder, one folder at a time, in key order.

An error concerns only its own entry: an entry that cannot be read is listed as `Unlisted`, all others normally. A
broken link is not a file: its target is missing, below a file, a loop of links, or has a name that is too long.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slomo_batch.errors import ObjectMissing, SlomoError
from slomo_batch.storage.local_errors import retry_delays_s, storage_error, with_retries
from slomo_batch.storage.store import ObjectInfo

_NOTHING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Error numbers for a path that does not exist."""
_LEADS_NOWHERE = _NOTHING | {errno.ENAMETOOLONG}
"""Error numbers for a broken link. For a file, a path that is too long is an error, since the file exists."""

Content = int | SlomoError | None
"""The size of a file in bytes, None for a folder, or the error if the type cannot be determined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A file or folder that cannot be read."""

    key: str
    """Below the root of the listing; "" for the root itself."""
    error: SlomoError
    """ObjectMissing for a folder that was deleted between the listing of its parent and its own."""


def status_of(path: Path) -> os.stat_result | None:
    """Return the status of a file or folder, following links; None if it does not exist.

    Raises:
        OSError: the status cannot be read.
    """
    try:
        return path.stat()
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise


def walk(
    root: Path, prefix: str, enter: Callable[[str], bool], leave_out: Callable[[str], bool]
) -> Iterator[ObjectInfo | Unlisted]:
    """List the files whose key, their path below `root`, starts with `prefix`. Links to a parent folder are skipped.

    Args:
        root: the folder that keys are relative to; it need not exist.
        prefix: the listing starts in the folder before its last slash.
        enter: whether to list a folder; takes the folder's key, without a trailing slash.
        leave_out: whether to skip a file with this name.
    """
    return _FolderWalk(root, prefix, enter, leave_out).run()


class _FolderWalk:
    """One listing. It keeps its own stack, since folders may be nested deeper than Python's recursion limit."""

    def __init__(self, root: Path, prefix: str, enter: Callable[[str], bool], leave_out: Callable[[str], bool]) -> None:
        self._root, self._prefix, self._enter, self._leave_out = root, prefix, enter, leave_out
        self._open: list[_Folder] = []
        """The folder that is being listed, last, after its parents."""

    def run(self) -> Iterator[ObjectInfo | Unlisted]:
        yield from self._descend(self._prefix.rpartition("/")[0])
        while self._open:
            key, content = next(self._open[-1].rest, ("", None))
            if not key:
                self._open.pop()
            elif key.startswith(self._prefix):
                yield from self._visit(key, content)

    def _visit(self, key: str, content: Content) -> Iterator[ObjectInfo | Unlisted]:
        if content is None:
            folder = key.removesuffix("/")
            if self._enter(folder):
                yield from self._descend(folder)
        elif isinstance(content, SlomoError):
            yield Unlisted(key=key, error=content)
        elif not self._leave_out(key.rpartition("/")[2]):
            yield ObjectInfo(key=key, size_bytes=content, fingerprint="")

    def _descend(self, folder: str) -> Iterator[Unlisted]:
        try:
            inner = open_folder(self._root, folder)
        except SlomoError as error:
            if self._open or not isinstance(error, ObjectMissing):
                yield Unlisted(key=folder, error=error)
            return
        if all(inner.identity != upper.identity for upper in self._open):
            self._open.append(inner)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is being listed."""

    identity: tuple[int, int]
    """Device and inode, which are the same for every path to a folder."""
    rest: Iterator[tuple[str, Content]]
    """Keys and contents of the entries not yet listed, in key order. The key of a folder ends in a slash."""


def open_folder(root: Path, folder: str) -> _Folder:
    """Read the entries of one folder.

    Raises:
        ObjectMissing: there is no such folder.
        SlomoError: the folder cannot be read.
    """
    path = root / folder
    status, entries = with_retries(lambda: _read(path), str(path))
    contents = sorted(_contents(entries), key=lambda item: os.fsencode(item[0]))
    prefix = f"{folder}/" if folder else ""
    return _Folder((status.st_dev, status.st_ino), ((prefix + name, content) for name, content in contents))


def _read(path: Path) -> "tuple[os.stat_result, list[os.DirEntry[str]]]":
    try:
        with os.scandir(path) as entries:
            return path.stat(), list(entries)
    except OSError as error:
        if error.errno in _NOTHING:
            raise ObjectMissing("no such folder", where=str(path)) from error
        raise


def _contents(entries: "Iterable[os.DirEntry[str]]") -> Iterator[tuple[str, Content]]:
    """Names and contents of entries. Entries with a temporary error are retried together after each wait."""
    for wait_s in (*retry_delays_s(), None):
        again = []
        for entry in entries:
            try:
                yield from _content(entry)
            except OSError as error:
                failure = storage_error(error, entry.path)
                if failure.retryable and wait_s is not None:
                    again.append(entry)
                else:
                    yield entry.name, failure
        if not again or wait_s is None:
            return
        time.sleep(wait_s)
        entries = again


def _content(entry: "os.DirEntry[str]") -> Iterator[tuple[str, Content]]:
    """Name and content of one entry; nothing if it is neither a file nor a folder, or is a broken link."""
    try:
        if entry.is_dir(follow_symlinks=False):
            yield f"{entry.name}/", None
            return
        status = entry.stat()
    except FileNotFoundError:  # a broken link, or deleted meanwhile
        return
    except OSError as error:
        if error.errno in _LEADS_NOWHERE and entry.is_symlink():
            return
        raise
    if stat.S_ISDIR(status.st_mode):
        yield f"{entry.name}/", None
    elif stat.S_ISREG(status.st_mode):
        yield entry.name, status.st_size
