"""Map errors of the file system to errors of this project, in one table, and retry the temporary ones."""

import errno
import os
import time
from collections.abc import Callable
from typing import TypeVar

from slomo_batch.errors import (
    DISK_FULL,
    AccessRefused,
    DiskFull,
    MachineUnusable,
    ManifestError,
    ObjectMissing,
    SlomoError,
    StorageBusy,
    StoreUnusable,
)

T = TypeVar("T")

TRIES = 4
"""Number of tries of an operation that fails with a temporary error (stale handle, time-out)."""
FIRST_WAIT_S = 0.05
"""Seconds before the second try; doubled before each later one."""

Fault = tuple[type[SlomoError], str, str]
"""Class, what happened, and what to do."""

_FULL: Fault = (DiskFull, "no space left", "Free disk space and run again; finished work is kept.")
_REFUSED: Fault = (
    AccessRefused,
    "the file system refuses access",
    "Check the owner and mode of the file and folders.",
)
_MISSING: Fault = (ObjectMissing, "no such file", "")
_BLOCKED: Fault = (AccessRefused, "a file is in the place of a folder, or a folder in the place of a file", "")
_NAME: Fault = (AccessRefused, "the file system does not accept this name", "Use a shorter name with plain characters.")
_DAMAGED: Fault = (AccessRefused, "the file system is damaged", "Check it with fsck, or exclude this file.")
_PASSING: Fault = (StorageBusy, "the file system did not answer", "Check the mount, and try again later.")
_INCAPABLE: Fault = (
    StoreUnusable,
    "the file system does not support a required operation",
    "Use a folder on another file system, such as ext4, XFS, Btrfs, ZFS, exFAT or NFS.",
)

FAULTS: dict[int, Fault] = {
    **dict.fromkeys(DISK_FULL, _FULL),
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.EROFS: _REFUSED,
    errno.ENOKEY: _REFUSED,
    errno.EKEYEXPIRED: _REFUSED,
    errno.EKEYREVOKED: _REFUSED,
    errno.EKEYREJECTED: _REFUSED,
    errno.ENOENT: _MISSING,
    errno.ELOOP: _MISSING,
    errno.EISDIR: _BLOCKED,
    errno.ENOTDIR: _BLOCKED,
    errno.EEXIST: _BLOCKED,
    errno.ENOTEMPTY: _BLOCKED,
    errno.ENAMETOOLONG: _NAME,
    errno.EINVAL: _NAME,
    errno.EILSEQ: _NAME,
    errno.EUCLEAN: _DAMAGED,
    errno.EBADMSG: _DAMAGED,
    errno.ESTALE: _PASSING,
    errno.EIO: _PASSING,
    errno.EAGAIN: _PASSING,
    errno.EBUSY: _PASSING,
    errno.ETXTBSY: _PASSING,
    errno.ETIMEDOUT: _PASSING,
    errno.EHOSTDOWN: _PASSING,
    errno.EHOSTUNREACH: _PASSING,
    errno.ENETUNREACH: _PASSING,
    errno.ENETDOWN: _PASSING,
    errno.ENOTCONN: _PASSING,
    errno.ECONNRESET: _PASSING,
    errno.ECONNABORTED: _PASSING,
    errno.ECONNREFUSED: _PASSING,
    errno.ENOLINK: _PASSING,
    errno.ENOLCK: _PASSING,
    errno.ENOMEDIUM: _PASSING,
    errno.EREMOTEIO: _PASSING,
    errno.EMFILE: _PASSING,
    errno.ENFILE: _PASSING,
    errno.ENOMEM: _PASSING,
    errno.EINTR: _PASSING,
    errno.ENODEV: _PASSING,
    errno.ENXIO: _PASSING,
    errno.EOPNOTSUPP: _INCAPABLE,
    errno.ENOSYS: _INCAPABLE,
    errno.EMLINK: _INCAPABLE,
    errno.EXDEV: _INCAPABLE,
}
"""By the number of the operating system."""


def storage_error(error: OSError, where: str) -> SlomoError:
    """The SlomoError to raise for an OSError at `where`."""
    unknown: Fault = (StoreUnusable, "the file system failed", "")
    kind, what, remedy = FAULTS.get(error.errno or 0, unknown)
    got = os.strerror(error.errno) if error.errno else str(error)
    elsewhere = str(error.filename or where) != where
    if error.errno == errno.ENOENT and not elsewhere:
        got = ""  # it would say "no such file" again
    return kind(what, where=where, got=f"{got} ({error.filename})" if elsewhere else got, remedy=remedy)


def machine_fault(error: Exception) -> SlomoError | None:
    """The SlomoError for an unexpected exception that the machine causes; None if it may be a defect of the program.

    The machine causes refused access, damage and a full disk. A missing file may be a wrong path of the program.
    """
    if _is_limit(error):
        return MachineUnusable(
            "the program reached a limit of this machine",
            got=str(error) or type(error).__name__,
            remedy="Raise the limits of memory and processes (ulimit -v, ulimit -u, those of the container).",
        )
    if not isinstance(error, OSError):
        return None
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_current_folder_gone():
        return ManifestError("the current folder was deleted", remedy="Change to a folder that exists.")
    kind, _, _ = fault = FAULTS.get(error.errno or 0, _MISSING)
    if error.filename is None or kind is ObjectMissing or fault == _BLOCKED:
        return None
    return storage_error(error, os.fsdecode(error.filename))


def _is_limit(error: Exception) -> bool:
    """Whether memory or threads are exhausted, or an installed library cannot be loaded."""
    match error:
        case MemoryError():
            return True
        case RuntimeError():
            return "can't start new thread" in str(error)
        case ImportError():
            return "shared object" in str(error)
        case _:
            return False


def _is_current_folder_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 its error is the answer
    except FileNotFoundError:
        return True
    return False


def with_retries(ask: Callable[[], T], where: str) -> T:
    """Call `ask`, and retry it after temporary errors.

    Raises:
        SlomoError: the last error, mapped by the table.
    """
    for wait_s in (*retry_delays_s(), None):
        try:
            return ask()
        except OSError as error:
            failure = storage_error(error, where)
            if wait_s is None or not failure.retryable:
                raise failure from error
            time.sleep(wait_s)
    raise AssertionError("the last try returns or raises")


def retry_delays_s() -> list[float]:
    """Seconds to wait between the tries."""
    return [FIRST_WAIT_S * 2**number for number in range(TRIES - 1)]
