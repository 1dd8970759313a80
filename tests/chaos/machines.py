"""The machines of a chaos test: each has a clock, credentials and a disk of its own, that can go wrong while it works.

All of them are processes of one real machine, told apart by their environment: their requests to S3 name their machine
in the user agent, Python reads its clock from a file, and temporary files go to a small disk, if this process may mount
one. Processes of Ray's nodes get it from `machine_start/sitecustomize.py`, the driver from the test.
"""

import os
import subprocess
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests import shifted_clock

if TYPE_CHECKING:  # the processes of nodes load this module: they need no more of it
    from tests.s3_weather import Storm

FOLDER = "SLOMO_CHAOS_MACHINES"
"""Environment variable with the folder of the machines' clocks and disks."""
DRIVER = "driver"
DISK_BYTES = 100 << 20
NUM_NODE_DISKS = 2
"""Nodes share so many: their ids are numbers, and one node in two has the same."""
ROOT = Path(__file__).parents[2]


def name_of(node_id: str) -> str:
    """The name of the machine that a node is; its id ends with its number."""
    return f"machine-{int(node_id[-5:])}"


def settle(node_id: str) -> None:
    """Let this process belong to the machine of a node."""
    os.environ.update(environment(Path(os.environ[FOLDER]), name_of(node_id)))
    shifted_clock.install(Path(os.environ[shifted_clock.FILE]))


def environment(folder: Path, machine: str) -> dict[str, str]:
    """The environment variables of the processes of a machine."""
    own = {"AWS_SDK_UA_APP_ID": machine, shifted_clock.FILE: str(folder / f"{machine}.clock")}
    disk = disk_of(folder, machine)
    return {**own, "TMPDIR": str(disk)} if disk.is_dir() else own


def disk_of(folder: Path, machine: str) -> Path:
    """The folder on which the disk of a machine is mounted."""
    number = machine.rpartition("-")[2]
    return folder / (f"disk-{int(number) % NUM_NODE_DISKS}" if machine != DRIVER else "disk-driver")


class Machines:
    """The faults of machines, by their names."""

    def __init__(self, folder: Path, storm: "Storm", *, have_disks: bool) -> None:
        self._folder, self._storm, self.have_disks = folder, storm, have_disks

    def node_environment(self) -> MutableMapping[str, str]:
        """The environment in which Ray starts its nodes."""
        paths = [str(ROOT / "tests" / "chaos" / "machine_start"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        return {FOLDER: str(self._folder), "PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    def driver_environment(self) -> dict[str, str]:
        """The environment of the driver's processes."""
        return environment(self._folder, DRIVER)

    def set_clock(self, machine: str, wrong_by_s: float) -> None:
        """Let the clock of a machine be wrong; with 0 it is right again."""
        clock = Path(environment(self._folder, machine)[shifted_clock.FILE])
        clock.with_suffix(".new").write_text(str(wrong_by_s))
        clock.with_suffix(".new").replace(clock)

    def expire(self, machine: str) -> None:
        """Let the server refuse the credentials of a machine."""
        self._storm.expired.add(machine)

    def renew(self, machine: str) -> None:
        """Let it take them again."""
        self._storm.expired.discard(machine)

    def fill_disk(self, machine: str) -> None:
        """Leave no byte free on the disk of a machine."""
        disk = disk_of(self._folder, machine)
        with (disk / "ballast").open("wb") as ballast, suppress(OSError):
            while True:
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), max(1, free))

    def empty_disk(self, machine: str) -> None:
        """Remove what filled it."""
        (disk_of(self._folder, machine) / "ballast").unlink(missing_ok=True)

    def make_good(self) -> None:
        """End all faults."""
        self._storm.expired.clear()
        for clock in self._folder.glob("*.clock"):
            clock.unlink()
        for ballast in self._folder.glob("disk-*/ballast"):
            ballast.unlink()


@contextmanager
def machines(folder: Path, storm: "Storm") -> Iterator[Machines]:
    """Machines without faults, with small disks if this process may mount them."""
    folder.mkdir()
    names = [DRIVER, *(f"machine-{number}" for number in range(NUM_NODE_DISKS))]
    with ExitStack() as stack:
        mounted = [stack.enter_context(small_disk(disk_of(folder, name), DISK_BYTES)) for name in names]
        yield Machines(folder, storm, have_disks=all(mounted))


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[bool]:
    """A folder that is a separate disk of this size; yields False, without a folder, if mounting one is refused."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        folder.rmdir()
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
