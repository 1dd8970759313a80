"""What every failure of a file system means here, in one table."""

import errno
import os

from slomo_batch.errors import DISK_FULL, AccessRefused, DiskFull, ObjectMissing, SlomoError, StorageBusy, StoreUnusable

Fault = tuple[type[SlomoError], str, str]
"""Class, what happened, and what to do."""

_FULL: Fault = (DiskFull, "no space left", "Make room and run again: what is committed stays.")
_REFUSED: Fault = (
    AccessRefused,
    "the file system refuses access",
    "Check the owner and mode of the file and folders.",
)
_MISSING: Fault = (ObjectMissing, "no such file", "")
_BLOCKED: Fault = (AccessRefused, "a file stands where a folder is needed, or a folder where a file is", "")
_NAME: Fault = (AccessRefused, "the file system does not take this name", "Use a shorter, plainer name.")
_PASSING: Fault = (StorageBusy, "the file system did not answer", "Check the mount; the same may succeed later.")
_INCAPABLE: Fault = (
    StoreUnusable,
    "the file system lacks an operation that is needed (hard links make commits safe)",
    "Use a folder on a file system with hard links: ext4, XFS, Btrfs, ZFS, NFS.",
)

FAULTS: dict[int, Fault] = {
    **dict.fromkeys(DISK_FULL, _FULL),
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.EROFS: _REFUSED,
    errno.ENOENT: _MISSING,
    errno.ELOOP: _MISSING,
    errno.EISDIR: _BLOCKED,
    errno.ENOTDIR: _BLOCKED,
    errno.EEXIST: _BLOCKED,
    errno.ENOTEMPTY: _BLOCKED,
    errno.ENAMETOOLONG: _NAME,
    errno.EINVAL: _NAME,
    errno.EILSEQ: _NAME,
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
"""What every error of the file system means here."""


def storage_error(error: OSError, where: str) -> SlomoError:
    """The project's error for one of the file system's."""
    unknown: Fault = (StoreUnusable, "the file system failed", "")
    kind, what, remedy = FAULTS.get(error.errno or 0, unknown)
    got = os.strerror(error.errno) if error.errno else str(error)
    elsewhere = str(error.filename or where) != where
    return kind(what, where=where, got=f"{got} ({error.filename})" if elsewhere else got, remedy=remedy)
