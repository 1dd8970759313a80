"""DriverLease: one driver runs a job at a time. It takes the lease by put-if-absent and renews it by a heartbeat.

A driver is gone if its heartbeat does not change while another one watches it, by the watcher's clock alone. The lease
only avoids work done twice; a job is safe without it, because every commit is written once. Leases are numbered: the
work place calls them epochs.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from slomo_batch.errors import JobTaken, ObjectMissing, SlomoError, WorkDamaged
from slomo_batch.records.driver_claim import DriverClaim
from slomo_batch.steps.stored_records import put_record, read_record
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout, name_in_job, parts_of
from slomo_batch.stored_documents import to_stored

BEAT_S = 5.0
EXPIRY_S = 30.0
"""A driver whose heartbeat does not change for this long counts as dead."""


_UNREADABLE = DriverClaim(driver="", host="", pid=0, process_start="", beat=-1, ended=False)


class DriverLease:
    """This driver's lease of a job; a context manager that writes heartbeats until it exits."""

    def __init__(
        self,
        store: ObjectStore,
        layout: Layout,
        *,
        take_over: bool = False,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`take_over`: take the lease even if another driver seems alive; that driver stops once it notices."""
        self._store, self._layout, self._take_over, self._wait = store, layout, take_over, wait
        self._clock, self._checked_s = clock, clock()
        self._claim = DriverClaim(
            driver=uuid4().hex,
            host=socket.gethostname(),
            pid=os.getpid(),
            process_start=_process_start(os.getpid()),
            beat=0,
            ended=False,
            boot_id=_boot_id(),
            pid_namespace=_pid_namespace(),
        )
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._superseded = False
        self.number = 0

    def __enter__(self) -> Self:
        """Take the lease with the next number.

        Raises:
            JobTaken: another driver is alive, or took that number first.
        """
        number = self._latest()
        if number and not self._take_over and not self._is_over(number):
            self._refuse(number)
        self.number = number + 1
        key = self._layout.epoch(self.number)
        if not self._store.put_if_absent(key, to_stored(self._claim, name_in_job(key))):
            self._refuse(self.number)
        self._beat(0)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the heartbeat and end the lease, unless another driver took the job over.

        A store that fails here does not change the result of the job: the next driver waits until the lease expires.
        """
        self._left.set()
        self._thread.join()
        if not self._superseded:
            with suppress(SlomoError):
                self._write(beat=-1, ended=True)

    def _refuse(self, number: int) -> None:
        claim = self._read(number)
        holder = f"process {claim.pid} on {claim.host}" if claim and claim.host else "another driver"
        raise JobTaken(
            f"this job is being run by {holder}",
            where=self._store.uri(self._layout.root),
            remedy="Wait for it or stop it; what it committed is kept either way.",
        )

    # ---- other drivers -----------------------------------------------------------------------------------------------

    def _latest(self) -> int:
        return _latest(self._store, self._layout)

    def _is_over(self, number: int) -> bool:
        claim = self._read(number)
        if claim is None or _is_surely_over(claim):
            return True
        waited_s = 0.0
        while waited_s < EXPIRY_S:
            self._wait(BEAT_S)
            waited_s += BEAT_S
            now = self._read(number)
            if now is None or now.ended:
                return True
            if now.beat != claim.beat:
                return False
        return True

    def _read(self, number: int) -> DriverClaim | None:
        return _read(self._store, self._layout, number)

    # ---- this driver -------------------------------------------------------------------------------------------------

    def _beat_on(self) -> None:
        beat = 0
        while not self._left.wait(BEAT_S):
            beat += 1
            try:
                self._beat(beat)
                self.check_superseded()
            except SlomoError:
                continue  # an unreachable store or expired credentials end the job by their own errors
            if self._superseded:
                return

    @property
    def is_superseded(self) -> bool:
        """Whether another driver took the job over; this one must stop.

        The heartbeat checks it. If it did not for as long as other drivers wait, the process was frozen: then this
        property checks, before the caller goes on.
        """
        if not self._superseded and self._clock() - self._checked_s >= EXPIRY_S:
            self._checked_s = self._clock()
            with suppress(SlomoError):  # an unreachable store ends the job by its own errors
                self.check_superseded()
        return self._superseded

    def check_superseded(self) -> bool:
        """Check now whether another driver took the job over."""
        self._superseded = self._latest() > self.number
        self._checked_s = self._clock()
        return self._superseded

    def _beat(self, beat: int) -> None:
        self._write(beat=beat, ended=False)

    def _write(self, *, beat: int, ended: bool) -> None:
        put_record(self._store, self._layout.heartbeat(self.number), replace(self._claim, beat=beat, ended=ended))


def is_led(store: ObjectStore, layout: Layout) -> bool:
    """Whether a driver runs the job, as far as one check can tell."""
    number = _latest(store, layout)
    claim = _read(store, layout, number) if number else None
    return claim is not None and not _is_surely_over(claim)


def _latest(store: ObjectStore, layout: Layout) -> int:
    numbers = (number for found in store.list(layout.epochs) for number in parts_of(layout, "epoch", found.key))
    return max(map(int, numbers), default=0)


def _read(store: ObjectStore, layout: Layout, number: int) -> DriverClaim | None:
    """The heartbeat of a lease, else the claim that it began with. If one is damaged and the other damaged or missing,
    a claim without a driver: only watching it shows whether it is alive, since a live driver writes its heartbeat
    again."""
    found = None
    for key in (layout.heartbeat(number), layout.epoch(number)):
        try:
            return read_record(store, key, DriverClaim)
        except WorkDamaged:
            found = _UNREADABLE
        except ObjectMissing:
            continue
    return found


def _is_surely_over(claim: DriverClaim) -> bool:
    """Whether the driver ended its lease, or ran among the processes that this one sees and its process is gone."""
    return claim.ended or (_is_visible(claim) and _process_start(claim.pid) != claim.process_start)


def _is_visible(claim: DriverClaim) -> bool:
    """Whether this process would see the driver's process: under the same kernel, in the same PID namespace.

    Host names are compared only for a claim without either, of an earlier version: containers may have equal ones.
    """
    if claim.boot_id and claim.pid_namespace:
        return (claim.boot_id, claim.pid_namespace) == (_boot_id(), _pid_namespace())
    return claim.host == socket.gethostname()


def _boot_id() -> str:
    """Random id that Linux takes at its start (random(4)); "" if there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> int:
    """Inode of this process's PID namespace (pid_namespaces(7)); 0 if there is none. One that ended may have had the
    same, so its processes are gone."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _process_start(pid: int) -> str:
    """Field 22 of /proc/PID/stat (proc(5)): when the process began; empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
