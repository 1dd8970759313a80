"""Scratch: local folders that live no longer than the process that made them, however it ends.

Every process holds a lock on its own folder; a folder whose lock can be had was left by one that died, and is removed.
Only folders made here are ever removed.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from slomo_batch.errors import StoreUnusable

_LOCK = "in-use"


@cache
def process_scratch() -> Path:
    """This process's scratch folder, under TMPDIR; what dead processes left there is removed first.

    Raises:
        StoreUnusable: no such folder can be made.
    """
    try:
        root = Path(tempfile.gettempdir()) / f"slomo_batch-{os.getuid()}"
        root.mkdir(mode=0o700, exist_ok=True)
        _remove_abandoned(root)
        folder = Path(tempfile.mkdtemp(prefix="process-", dir=root))
        _hold(folder)
    except OSError as error:
        raise StoreUnusable(
            "there is no folder for temporary files",
            where=error.filename or "",
            got=error.strerror or str(error),
            remedy="Set TMPDIR to a folder that this user can write to.",
        ) from error
    return folder


_held: list[int] = []


def _hold(folder: Path) -> None:
    new = folder / "new"
    lock = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)
    _held.append(lock)


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob("process-*"):
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
