"""A whole job in virtual time: the real Driver, Dispatch, Placement, EventRecorder and ledger on a simulated engine."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

from slomo_batch.plan.needs import Needs
from slomo_batch.report.events import Display, Event, Snapshot, VideoPublished
from slomo_batch.report.ledger import LedgerWriter
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.calls import Call, Outcome
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.driver import Driver
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.first_worker import abilities_of_first_worker
from slomo_batch.scheduler.limits import limits_for, long_ones_first
from slomo_batch.scheduler.messages import Step
from slomo_batch.scheduler.stop_signals import StopRequests
from slomo_batch.scheduler.tally import Tally
from slomo_batch.storage.work_layout import Layout
from tests.memory_store import MemoryStore
from tests.scale import products
from tests.scale.committed import Committed
from tests.scale.models import Archive, Models
from tests.scale.virtual_engine import VirtualEngine

LAYOUT = Layout("archive")
EVERY = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The result of a simulated job."""

    makespan_s: float
    outputs_s: list[float]
    """The time of each output."""
    num_failed: int
    driver_cpu_s: float
    """CPU time of Driver, Dispatch, EventRecorder and ledger, without the engine."""
    engine_cpu_s: float
    writes: Counter[str]
    """Objects that the driver wrote, by the first folder of their key."""
    seen: Counter[str]
    snapshots: list[tuple[float, Snapshot]]
    """What the displays were shown each second, and when."""
    hours_left: float | None
    """Machine hours of the rest, as the recorder estimates them."""


def simulate(
    models: Models,
    archive: Archive,
    ledger: Path,
    *,
    kind: type[Dispatch] = Dispatch,
    meter: BudgetMeter | None = None,
    committed: Committed | None = None,
    epoch: int = 1,
    num_foreseen: int = 0,
    displays: Callable[[Callable[[], float]], Sequence[Display]] = lambda _: (),
) -> Ran:
    """Run the job to its end, or until its budget is spent; the ledger's parts are left in a folder.

    `committed`: what earlier runs made, to which this one adds; `epoch` is the number of the run. `num_foreseen`:
    videos for whose workers a first run asks while it waits for the first one. `displays` makes more displays from the
    clock of the run.
    """
    committed, meter = committed or Committed(), meter or BudgetMeter()
    engine = Metered(VirtualEngine(models, archive, committed))
    if models.begins == "first run":
        abilities_of_first_worker(engine.behind, num_foreseen, stop=StopRequests(), tell=lambda _: None)
    store, display = Counting(ledger), Outputs(engine.behind)
    limits = limits_for(models.num_workers, max_attempts=4)
    clock = lambda: engine.behind.now_s  # noqa: E731
    tally = Tally(videos_total=models.num_videos, videos_skipped=len(committed.published))
    recorder = _recorder(store, display, tally, meter=meter, epoch=epoch, clock=clock)
    recorder.add_displays(*displays(clock))
    driver = Driver(
        engine=engine,
        dispatch=kind(limits, jitter=Random(models.seed).random),
        pin=products.PIN,
        recorder=recorder,
        should_stop=lambda: False,
        is_superseded=lambda: False,
        meter=meter,
        clock=clock,
    )
    began_s = time.thread_time()
    numbers = long_ones_first(range(models.num_videos), archive.num_chunks.tolist(), models.num_workers)
    numbers = [number for number in numbers if number not in committed.published]
    sizes = archive.size_bytes(models)
    recorder.expect(sum(sizes))
    driver.run(products.pending_video(number, size_bytes=sizes[number]) for number in numbers)
    recorder.close(finished=True)
    return Ran(
        makespan_s=engine.behind.now_s,
        outputs_s=display.outputs_s,
        num_failed=tally.videos_failed,
        driver_cpu_s=time.thread_time() - began_s - engine.cpu_s,
        engine_cpu_s=engine.cpu_s,
        writes=store.writes,
        seen=engine.behind.seen,
        snapshots=display.snapshots,
        hours_left=recorder.hours_left(),
    )


def _recorder(
    store: "Counting", display: "Outputs", tally: Tally, *, meter: BudgetMeter, epoch: int, clock: Callable[[], float]
) -> EventRecorder:
    writer = LedgerWriter(
        lambda part, data: store.put(LAYOUT.ledger_part(epoch, part), data), clock, job=LAYOUT.name, epoch=epoch
    )
    return EventRecorder(
        store=store,
        layout=LAYOUT,
        epoch=epoch,
        ledger=writer,
        display=display,
        tally=tally,
        is_superseded=lambda: False,
        meter=meter,
        clock=clock,
    )


class Metered:
    """An engine, and the CPU time that is spent in it: of one call in `EVERY`, since asking the clock costs as much as
    a call itself."""

    def __init__(self, behind: VirtualEngine) -> None:
        self.behind = behind
        self.cpu_s = 0.0
        self._num_calls = 0

    @property
    def task_room(self) -> int:
        return self.behind.task_room

    def chunk_room(self, num_ready: int) -> int:
        return self.behind.chunk_room(num_ready)

    @property
    def isolated_room(self) -> int:
        return self.behind.isolated_room

    @property
    def num_workers(self) -> int:
        return self.behind.num_workers

    @property
    def num_pending(self) -> int:
        return self.behind.num_pending

    @property
    def num_machines(self) -> int:
        return self.behind.num_machines

    @property
    def num_slots(self) -> int:
        return self.behind.num_slots

    @property
    def waiting_s(self) -> Mapping[Step, float]:
        return self.behind.waiting_s

    def start(self, call: Call) -> None:
        with self._metering():
            self.behind.start(call)

    def outcomes(self, timeout_s: float) -> list[tuple[Call, Outcome]]:
        with self._metering():
            return self.behind.outcomes(timeout_s)

    def _metering(self) -> AbstractContextManager[None]:
        self._num_calls += 1
        return nullcontext() if self._num_calls % EVERY else self._on_the_clock()

    @contextmanager
    def _on_the_clock(self) -> Iterator[None]:
        began_s = time.thread_time()
        yield
        self.cpu_s += EVERY * (time.thread_time() - began_s)

    def scale(self, demand: int, foreseen: int = 0) -> None:
        self.behind.scale(demand, foreseen)

    def require(self, needs: Needs) -> None:
        self.behind.require(needs)

    def take_notes(self, *, at_end: bool) -> list[str]:
        return self.behind.take_notes(at_end=at_end)

    def close(self) -> None:
        self.behind.close()


class Counting(MemoryStore):
    """Count the writes, and keep only the ledger's parts, on disk."""

    def __init__(self, ledger: Path) -> None:
        super().__init__()
        self._ledger = ledger
        self.writes: Counter[str] = Counter()

    def put(self, key: str, data: bytes) -> None:
        self.writes[key.removeprefix(LAYOUT.root).partition("/")[0]] += 1
        if key.startswith(LAYOUT.ledger):
            (self._ledger / key.rpartition("/")[2]).write_bytes(data)


class Outputs(Display):
    """A display that notes when outputs appear, and what it is shown each second."""

    def __init__(self, engine: VirtualEngine) -> None:
        self._engine = engine
        self.outputs_s: list[float] = []
        self.snapshots: list[tuple[float, Snapshot]] = []

    def show(self, event: Event) -> None:
        if isinstance(event, VideoPublished):
            self.outputs_s.append(self._engine.now_s)
        elif isinstance(event, Snapshot):
            self.snapshots.append((self._engine.now_s, event))
