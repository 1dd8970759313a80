"""Scratch folders: local folders for temporary files, one for each process, removed even if the process is killed.

Each process holds a lock on its folder. A folder whose lock is free belongs to a process that died; the next process
removes it. Only folders that this module made are removed.
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
    """The scratch folder of this process, under TMPDIR. Folders of dead processes are removed first.

    Raises:
        StoreUnusable: the folder cannot be made.
    """
    try:
        root = Path(tempfile.gettempdir()) / f"slomo_batch-{os.getuid()}"
        root.mkdir(mode=0o700, exist_ok=True)
        _remove_abandoned(root)
        folder = Path(tempfile.mkdtemp(prefix="process-", dir=root))
        _lock(folder)
    except OSError as error:
        raise StoreUnusable(
            "cannot create a folder for temporary files",
            where=error.filename or "",
            got=error.strerror or str(error),
            remedy="Set TMPDIR to a folder that this user can write to.",
        ) from error
    return folder


_held: list[int] = []


def _lock(folder: Path) -> None:
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
