"""List what folders hold: every file below one, a folder at a time, in key order.

An error belongs to the entry it happened to. What cannot be looked into is listed as `Unlisted`, all else as it is. A
link that leads nowhere is no file: its target is missing, below a file, a ring of links, or has a name too long.
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
"""What the system says of a path at which there is nothing."""
_LEADS_NOWHERE = _NOTHING | {errno.ENAMETOOLONG}
"""What it says of a link that leads nowhere. Of a real file, a path too long is an error: the file is there."""

Content = int | SlomoError | None
"""What an entry is: a file, by its size in bytes; a folder (None); or why that cannot be found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A file or folder that cannot be looked into."""

    key: str
    """Below the root of the listing; "" for the root itself."""
    error: SlomoError
    """ObjectMissing for a folder that was deleted between the listing of its parent and its own."""


def status_of(path: Path) -> os.stat_result | None:
    """Status of a file or folder, links followed; None if there is none.

    Raises:
        OSError: that cannot be found out.
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
    """List the files whose key, their path below `root`, starts with `prefix`. Links to a folder above are left out.

    Args:
        root: the folder that keys are relative to; it need not exist.
        prefix: the listing starts in the folder that it names, up to its last slash.
        enter: whether to look into a folder; gets the folder's key, without a slash.
        leave_out: whether a file of this name is no object.
    """
    return _FolderWalk(root, prefix, enter, leave_out).run()


class _FolderWalk:
    """One listing. Folders may be nested deeper than Python calls can be, so it keeps its own stack."""

    def __init__(self, root: Path, prefix: str, enter: Callable[[str], bool], leave_out: Callable[[str], bool]) -> None:
        self._root, self._prefix, self._enter, self._leave_out = root, prefix, enter, leave_out
        self._open: list[_Folder] = []
        """The folder that is being listed, last, and those it lies in."""

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
    """Device and inode: however it is reached, the same folder has the same."""
    rest: Iterator[tuple[str, Content]]
    """Keys and contents of what is still to be listed, in key order; the key of a folder ends in a slash."""


def open_folder(root: Path, folder: str) -> _Folder:
    """Read what is in one folder.

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
    """Names and contents of entries. Those whose failure may pass are asked again, all together after each wait."""
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
    """Name and content of one entry; nothing if it is neither a file nor a folder, or leads nowhere."""
    try:
        if entry.is_dir(follow_symlinks=False):
            yield f"{entry.name}/", None
            return
        status = entry.stat()
    except FileNotFoundError:  # a link to nothing, or deleted meanwhile
        return
    except OSError as error:
        if error.errno in _LEADS_NOWHERE and entry.is_symlink():
            return
        raise
    if stat.S_ISDIR(status.st_mode):
        yield f"{entry.name}/", None
    elif stat.S_ISREG(status.st_mode):
        yield entry.name, status.st_size
