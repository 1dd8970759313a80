"""Give a complete temporary file its final name: in place of an existing file, or only if there is none.

A hard link fails if the name exists, on every machine that shares the folder. File systems without hard links (FAT,
exFAT, most of FUSE, some of SMB) get the name by a rename under a lock of the folder. The kernel of this machine holds
that lock: it binds all processes here and no others, and ends with its process. A file is complete before it has its
name either way, so a crash never leaves a part of it there.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""Error numbers of link(2) in a folder without hard links. The folder is writable: the file was just created in it."""


def unique_name() -> str:
    """A name for a temporary file."""
    return f".slomo-{uuid4().hex}.part"


def rename(part: Path, path: Path) -> None:
    """Give `part` the name `path`, in place of an existing file."""
    part.replace(path)
    _flush_folder(path.parent)


def rename_if_absent(part: Path, path: Path) -> None:
    """Give `part` the name `path`, unless a file has it. `part` may remain as a second name.

    The caller must compare the content: a network file system may report that a name exists that it just made.
    """
    try:
        with suppress(FileExistsError):
            path.hardlink_to(part)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with _locked(path.parent):
            if not os.path.lexists(path):
                part.rename(path)
    _flush_folder(path.parent)


def has_hard_links(folder: Path) -> bool:
    """Whether the file system of a folder has hard links, found by making one there."""
    file, link = folder / unique_name(), folder / unique_name()
    try:
        file.touch(exist_ok=False)
        link.hardlink_to(file)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    finally:
        for path in (file, link):
            path.unlink(missing_ok=True)
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other threads and processes of this machine (flock(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough: a process forked meanwhile has it open too
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Flush a folder, so that a new name survives a power cut. File systems that cannot do it raise EINVAL."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(descriptor)
