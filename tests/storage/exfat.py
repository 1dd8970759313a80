"""Folders without hard links: a real exFAT file system in a file, mounted by exfat-fuse, and what link(2) does there.

Mounting needs root, a free loop device, and the Debian packages exfat-fuse and exfatprogs; tests that use it are
skipped where one is missing.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_BYTES = 32 << 20
_TOOLS = ("losetup", "mkfs.exfat", "mount.exfat-fuse", "umount")


class NotAvailable(Exception):
    """This machine cannot mount exFAT."""


@contextmanager
def mounted_exfat(folder: Path) -> Iterator[Path]:
    """Mount a new exFAT file system, and yield its root.

    Raises:
        NotAvailable: this machine cannot.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise NotAvailable(f"no {missing[0]}")
    image, root = folder / "exfat.img", folder / "exfat"
    with image.open("wb") as file:
        file.truncate(SIZE_BYTES)
    root.mkdir()
    _run("mkfs.exfat", image)
    device = _run("losetup", "--find", "--show", image)
    try:
        _run("mount.exfat-fuse", device, root)
        try:
            yield root
        finally:
            _run("umount", root)
    finally:
        _run("losetup", "--detach", device)


def refuse_link(*_: object, **__: object) -> None:
    """What link(2) does on exFAT: "the file system does not support the creation of hard links" (link(2))."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise NotAvailable(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
