"""Faults injected into a running job: by a seed, into processes that this test started, counted by kind.

After each fault the job gets time to make progress, measured by the requests to its store, so that faults do not come
faster on a slow machine than the job can recover.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import psutil

from tests.chaos.machines import DRIVER, Machines, name_of
from tests.end_to_end.running import Job
from tests.processes import Command
from tests.real_cluster.autoscaling import AutoscalingCluster, Node
from tests.s3_server import MortalServer
from tests.s3_weather import FAIR, Fault, Storm

PAUSE_S = (4.0, 12.0)
FROZEN_S = (3.0, 20.0)
FROZEN_DRIVER_S = 45.0
"""Longer than the expiry of a lease."""
SERVER_AWAY_S = (0.5, 4.0)
EXPIRED_REQUESTS = 3
OUTAGE_S = (20.0, 90.0)
MACHINE_ILL_S = (10.0, 60.0)
"""How long a clock is wrong, or the credentials of one machine are expired."""
DISK_FULL_S = (30.0, 120.0)
"""Longer: a disk that is full is noticed only by what writes to it."""
CLOCK_WRONG_S = (-7200.0, -1200.0, 1200.0, 7200.0)
"""More than the fifteen minutes that S3 allows."""
OPENING_WITHIN_S = 60.0
OUTAGE_REQUESTS = 100_000
"""More than all drivers and workers send meanwhile."""
GOOD_ENDS = {0, 1, 3, -signal.SIGKILL}
"""Done; videos given up; the store failed or another driver took over; killed. Everything else is a bug."""


class Drivers:
    """The drivers of one job: one leads, another starts if it was killed; some are frozen and woken later."""

    def __init__(self, job: Job, env: Mapping[str, str], battlefield: "Battlefield") -> None:
        self._job, self._env, self._field = job, env, battlefield
        self._running: list[Command] = []
        self._num_begun = 0
        self.is_done = False

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for driver in self._running:
            driver.kill()
            driver.communicate()

    def begin(self) -> None:
        """Start another driver."""
        self._num_begun += 1
        log = self._job.folder / f"driver-{self._num_begun:03d}.log"
        self._running.append(self._job.begin("--retry-failed", env=self._env, log=log))

    @property
    def leader(self) -> Command:
        """The driver that was started last."""
        return self._running[-1]

    def look(self) -> None:
        """Check the exit codes of drivers that ended; start another if none is left."""
        for driver in [driver for driver in self._running if driver.poll() is not None]:
            self._running.remove(driver)
            driver.communicate()
            self._field.struck["a driver ended with exit code " + str(driver.returncode)] += 1
            assert driver.returncode in GOOD_ENDS, f"{driver.returncode}\n{self.words()}"
            self.is_done = self.is_done or driver.returncode == 0
        if not self._running and not self.is_done:
            self.begin()

    def words(self) -> str:
        """The output of all drivers."""
        return "\n".join(path.read_text()[-4000:] for path in sorted(self._job.folder.glob("driver-*.log")))


@dataclass
class Battlefield:
    """All targets of faults."""

    chance: random.Random
    cluster: AutoscalingCluster | None
    """None if the drivers do all the work themselves."""
    s3: MortalServer
    storm: Storm
    machines: Machines
    struck: Counter[str] = field(default_factory=Counter)
    _due: list[str] = field(default_factory=list)
    """Kinds of fault that come before any other comes again."""

    def strike(self, drivers: Drivers) -> None:
        """Inject one fault, then pause until the job makes progress."""
        blows = self._blows(drivers)
        if not self._due:
            self._due = self.chance.sample(list(blows), len(blows))
        kind = self._due.pop()
        if blows[kind]():
            self.struck[kind] += 1
        else:
            self._due.insert(0, kind)
        self._renew_weather()
        self._pause(drivers)

    def _blows(self, drivers: Drivers) -> dict[str, Callable[[], bool]]:
        """The faults by kind; each returns whether it happened."""
        on_the_cluster: dict[str, Callable[[], bool]] = {
            "a worker or task killed": lambda: self._kill(self._workers()),
            "a worker or task frozen": lambda: self._freeze(self._workers()),
            "a worker frozen for good while it opens": self._freeze_opening,
            "a node killed": lambda: self._kill(self._nodes()),
            "a node frozen": lambda: self._freeze(self._nodes()),
            "credentials of one node expired": lambda: self._expire_node(self._node()),
            "clock of one node wrong": lambda: self._turn_clock(self._node()),
        }
        with_disks: dict[str, Callable[[], bool]] = {
            "disk of one machine full": lambda: self._fill_disk(self._busy_node() if self.cluster else DRIVER)
        }
        return {
            **(on_the_cluster if self.cluster else {}),
            **(with_disks if self.machines.have_disks else {}),
            "the driver killed": lambda: self._kill_driver(drivers),
            "the driver frozen past its expiry, replaced and woken": lambda: self._replace_driver(drivers),
            "the S3 server killed": self._kill_server,
            "the S3 server frozen": self._freeze_server,
            "the store away": self._take_store_away,
            "credentials expired": self._expire,
            "clock of the driver wrong": lambda: self._turn_clock(DRIVER),
        }

    def leave_in_peace(self) -> None:
        """Stop injecting faults."""
        if self.storm.weather is not FAIR:
            self.storm.change(FAIR)
        self.machines.make_good()
        time.sleep(0.5)

    # ---- processes -------------------------------------------------------------------------------------------------

    def _nodes(self) -> list[psutil.Process]:
        """The raylets of the nodes."""
        nodes = self.cluster.nodes() if self.cluster else []
        return [node.processes()[0] for node in nodes if node.processes()]

    def _workers(self) -> list[psutil.Process]:
        """The actors and tasks on all nodes."""
        found = []
        for node in self.cluster.nodes() if self.cluster else []:
            for process in node.processes()[1:]:
                with suppress(psutil.NoSuchProcess):
                    if any(word.startswith("ray::") and "IDLE" not in word for word in process.cmdline()):
                        found.append(process)
        return found

    def _kill(self, victims: list[psutil.Process]) -> bool:
        if not victims:
            return False
        with suppress(psutil.NoSuchProcess):
            self.chance.choice(victims).kill()
            return True
        return False

    def _freeze(self, victims: list[psutil.Process]) -> bool:
        if not victims:
            return False
        victim = self.chance.choice(victims)
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGSTOP)
            self._later(self.chance.uniform(*FROZEN_S), lambda: victim.send_signal(signal.SIGCONT))
            return True
        return False

    def _freeze_opening(self) -> bool:
        """Kill a worker, and let the next one hang in what it does first, as one does whose GPU does not answer."""
        workers = [one for node in self.cluster.nodes() for one in node.workers()] if self.cluster else []
        if not self._kill(workers):
            return False
        deadline = time.monotonic() + OPENING_WITHIN_S
        while self.cluster and time.monotonic() < deadline:
            for worker in [one for node in self.cluster.nodes() for one in node.workers()]:
                with suppress(psutil.NoSuchProcess):
                    if "ChunkWorker.open" in " ".join(worker.cmdline()):
                        worker.send_signal(signal.SIGSTOP)
                        return True
            time.sleep(0.02)
        return False

    @staticmethod
    def _later(seconds: float, act: Callable[[], object]) -> None:
        def wake() -> None:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                act()

        timer = threading.Timer(seconds, wake)
        timer.daemon = True
        timer.start()

    # ---- drivers ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _kill_driver(drivers: Drivers) -> bool:
        if drivers.leader.poll() is not None:
            return False
        drivers.leader.kill()
        drivers.leader.communicate()
        return True

    def _replace_driver(self, drivers: Drivers) -> bool:
        frozen = drivers.leader
        if frozen.poll() is not None:
            return False
        frozen.send_signal(signal.SIGSTOP)
        drivers.begin()
        self._later(FROZEN_DRIVER_S + self.chance.uniform(0, 30), lambda: os.kill(frozen.pid, signal.SIGCONT))
        return True

    # ---- the store -------------------------------------------------------------------------------------------------

    def _kill_server(self) -> bool:
        self.s3.kill()
        time.sleep(self.chance.uniform(*SERVER_AWAY_S))
        self.s3.start()
        return True

    def _freeze_server(self) -> bool:
        self.s3.freeze()
        time.sleep(self.chance.uniform(*FROZEN_S))
        self.s3.thaw()
        return True

    def _expire(self) -> bool:
        weather = self.storm.weather
        self.storm.change(replace(weather, faults={Fault.EXPIRED: EXPIRED_REQUESTS}, share=1.0))
        self._wait_for_requests(2 * EXPIRED_REQUESTS, 20)
        self.storm.change(replace(weather, seed=self.chance.randrange(1 << 30)))
        return True

    def _renew_weather(self) -> None:
        if self.storm.is_dealt_out:
            self.storm.change(replace(self.storm.weather, seed=self.chance.randrange(1 << 30)))

    def _take_store_away(self) -> bool:
        weather = self.storm.weather
        self.storm.change(replace(weather, faults={Fault.THROTTLED: OUTAGE_REQUESTS}, share=1.0))
        time.sleep(self.chance.uniform(*OUTAGE_S))
        self.storm.change(replace(weather, seed=self.chance.randrange(1 << 30)))
        return True

    # ---- machines --------------------------------------------------------------------------------------------------

    def _node(self) -> str:
        """A node that runs, "" if none does."""
        return self._one_of(self.cluster.nodes() if self.cluster else [])

    def _busy_node(self) -> str:
        """A node on which a worker runs, "" if none does."""
        return self._one_of(self.cluster.nodes_with_a_worker() if self.cluster else [])

    def _one_of(self, nodes: list[Node]) -> str:
        ids = [node.node_id for node in nodes if node.node_id]
        return name_of(self.chance.choice(ids)) if ids else ""

    def _expire_node(self, machine: str) -> bool:
        if machine:
            self.machines.expire(machine)
            self._later(self.chance.uniform(*MACHINE_ILL_S), lambda: self.machines.renew(machine))
        return bool(machine)

    def _turn_clock(self, machine: str) -> bool:
        if machine:
            self.machines.set_clock(machine, self.chance.choice(CLOCK_WRONG_S))
            self._later(self.chance.uniform(*MACHINE_ILL_S), lambda: self.machines.set_clock(machine, 0))
        return bool(machine)

    def _fill_disk(self, machine: str) -> bool:
        if machine:
            self.machines.fill_disk(machine)
            self._later(self.chance.uniform(*DISK_FULL_S), lambda: self.machines.empty_disk(machine))
        return bool(machine)

    # ---- time ------------------------------------------------------------------------------------------------------

    def _pause(self, drivers: Drivers) -> None:
        time.sleep(self.chance.uniform(*PAUSE_S))
        drivers.look()
        self._wait_for_requests(40, 60)

    def _wait_for_requests(self, number: int, at_most_s: float) -> None:
        wanted, deadline = self.storm.num_requests + number, time.monotonic() + at_most_s
        while self.storm.num_requests < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
