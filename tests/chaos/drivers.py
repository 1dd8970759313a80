"""Drivers that die or freeze at a named write: whole runs, each in a process forked from one that has all of it loaded.

`slomo_batch.cli.main.main` runs as it does for a person. Only the stores that `wiring` opens are wrapped, so that every
write has a name (the operation, the kind of key, the package) and the process can kill or freeze itself just
before or just after it. The kinds of key are read off Layout: one that is added there has a name here.
"""

import inspect
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import psutil

from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectInfo, ObjectStore, UploadLog
from slomo_batch.storage.work_layout import Layout
from tests.processes import warm

WITHIN_S = 300
OUTPUT, OUTPUT_PROBE = "output", "output_probe"
_PASSED_THROUGH = (
    "slomo_batch.storage.",
    "slomo_batch.steps.stored_records",
    "slomo_batch.steps.video_records",
    "slomo_batch.steps.upload_records",
    "slomo_batch.report.ledger",
)
"""Packages that write on behalf of others."""


# ---- names of writes -------------------------------------------------------------------------------------------------


@cache
def key_kinds(job: str) -> dict[str, re.Pattern[str]]:
    """Every kind of key of a job's work place, by the name that Layout gives it, and what such a key looks like."""
    layout, kinds = Layout(job), {}
    for name, member in vars(Layout).items():
        if name.startswith("_") or name == "name":
            continue
        example = getattr(layout, name)
        if callable(example):
            wanted = inspect.signature(member).parameters.items()
            example = example(**{key: 7 if is_int(one) else "§" for key, one in wanted if key != "self"})
        if isinstance(example, str) and not example.endswith("/"):
            pattern = re.sub(r"0*7", r"\\d+", re.escape(example)).replace("§", "[^/]+")
            kinds[name] = re.compile(pattern)
    return kinds


def is_int(parameter: inspect.Parameter) -> bool:
    return parameter.annotation in {int, "int"}


def kind_of(job: str, key: str) -> str:
    """The kind of a key in a job's work place."""
    [kind] = [name for name, pattern in key_kinds(job).items() if pattern.fullmatch(key)]
    return kind


def _room() -> str:
    """The module that writes; on a thread of the storage package, the module that started it."""
    frame: Any = sys._getframe(2)
    room = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("slomo_batch."):
            room = module.removeprefix("slomo_batch.")
            if not module.startswith(_PASSED_THROUGH):
                break
        frame = frame.f_back
    assert room, "a write that no module of slomo_batch asked for"
    return room


# ---- in the driver's process -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """The write at which a driver is killed or frozen, and the signal."""

    write: str
    """Name of the write."""
    occurrence: int = 1
    moment: Literal["before", "after"]
    how: signal.Signals

    def __str__(self) -> str:
        times = f" ({self.occurrence})" if self.occurrence > 1 else ""
        return f"{self.moment} {self.write}{times}"


class Watch:
    """Counts the writes of one process, records them in a file, and injects the strikes."""

    def __init__(self, record: Path, strikes: Sequence[Strike]) -> None:
        self._record = record.open("a", buffering=1)
        self._strikes = strikes
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Around one write."""
        with self._lock:
            self._counts[name] += 1
            number = self._counts[name]
            self._record.write(name + "\n")
        self._strike(name, number, "before")
        yield
        self._strike(name, number, "after")

    def _strike(self, name: str, number: int, moment: str) -> None:
        for strike in self._strikes:
            if (strike.write, strike.occurrence, strike.moment) == (name, number, moment):
                os.kill(os.getpid(), strike.how)


class WatchedStore:
    """A store whose writes are watched; it deletes the keys of one delete one by one."""

    def __init__(self, inner: ObjectStore, job: str, watch: Watch, *, is_work: bool) -> None:
        self._inner, self._job, self._watch, self._is_work = inner, job, watch, is_work

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The kind of the store inside, for isinstance: a folder has more methods than the protocol."""
        return type(self._inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _name(self, verb: str, key: str) -> str:
        outside = OUTPUT_PROBE if key.endswith(".probe") else OUTPUT
        return f"{verb} {kind_of(self._job, key) if self._is_work else outside} by {_room()}"

    def put(self, key: str, data: bytes) -> None:
        with self._watch.writing(self._name("put", key)):
            self._inner.put(key, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._watch.writing(self._name("create", key)):
            return self._inner.put_if_absent(key, data)

    def put_file(self, key: str, path: Path, *, over: str | None = None) -> None:
        with self._watch.writing(self._name("put", key)):
            self._inner.put_file(key, path, over=over)

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            with self._watch.writing(self._name("delete", key)):
                self._inner.delete([key])

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self._inner.list(prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    """The orders of one driver, and the strikes on it."""

    arguments: tuple[str, ...]
    job: str
    work: str
    log: Path
    strikes: tuple[Strike, ...]
    haste: float


def _drive(role: _Role) -> None:
    """Run one driver, from its start to its end."""
    from slomo_batch import wiring  # noqa: PLC0415 in the driver's process alone
    from slomo_batch.cli.main import main  # noqa: PLC0415 as above
    from slomo_batch.scheduler import leases  # noqa: PLC0415 as above

    with role.log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    leases.BEAT_S, leases.EXPIRY_S = leases.BEAT_S / role.haste, leases.EXPIRY_S / role.haste
    watch = Watch(Path(f"{role.log}.writes"), role.strikes)

    def open_watched(spec: StoreSpec, uploads: UploadLog | None) -> Any:
        return WatchedStore(open_store(spec, uploads), role.job, watch, is_work=spec.uri == role.work)

    vars(wiring)["open_store"] = open_watched
    sys.exit(main(role.arguments))


# ---- outside ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Driver:
    """A driver running in its own process."""

    process: BaseProcess
    log: Path

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        self.process.join(WITHIN_S)
        code = self.process.exitcode
        assert code is not None, f"still at it\n{self.output}"
        return code

    def wait_until_frozen(self) -> bool:
        """Return True once it is frozen, False if it ended instead."""
        assert self.process.pid is not None
        deadline = time.monotonic() + WITHIN_S
        while self.process.is_alive():
            assert time.monotonic() < deadline, f"neither frozen nor ended\n{self.output}"
            if psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED:
                return True
            self.process.join(0.01)
        return False

    def wake(self) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def writes(self) -> list[str]:
        """Names of the writes it began, in order."""
        return Path(f"{self.log}.writes").read_text().splitlines()


class Stable:
    """Starts drivers of one job, forked from one warm process."""

    def __init__(self, manifest: Path, job: str, work: str, logs: Path, *, haste: float = 1.0) -> None:
        """With `haste` drivers beat and expire so many times faster."""
        self._manifest, self._job, self._work, self._logs, self._haste = manifest, job, work, logs, haste
        self._number = 0
        logs.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def begin(self, *options: str, strikes: Sequence[Strike] = ()) -> Iterator[Driver]:
        """A running driver; killed afterwards."""
        self._number += 1
        log = self._logs / f"{self._number:04d}.log"
        role = _Role(
            arguments=("run", str(self._manifest), *options),
            job=self._job,
            work=self._work,
            log=log,
            strikes=tuple(strikes),
            haste=self._haste,
        )
        process = warm().Process(target=_drive, args=(role,))
        process.start()
        try:
            yield Driver(process, log)
        finally:
            process.kill()
            process.join()

    def run(self, *options: str, strikes: Sequence[Strike] = ()) -> tuple[int, Driver]:
        """A driver that has ended, and its exit code."""
        with self.begin(*options, strikes=strikes) as driver:
            return driver.wait(), driver
