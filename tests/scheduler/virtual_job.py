"""A whole job on a VirtualRay: the real driver, dispatch, limits, recorder, engine and pool."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from slomo_batch.attempts import Errored, Failed, Lost
from slomo_batch.report.events import Event, Note, VideoGivenUp
from slomo_batch.report.ledger import LedgerWriter
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.driver import Driver
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.limits import limits_for
from slomo_batch.scheduler.outage import Outage
from slomo_batch.scheduler.tally import Tally
from slomo_batch.storage.work_layout import Layout
from tests.heard import Heard
from tests.memory_store import MemoryStore
from tests.scale import products
from tests.scheduler.virtual_ray import VirtualRay

LAYOUT = Layout("job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The result of a job."""

    num_published: int
    events: list[Event]

    @property
    def given_up(self) -> list[VideoGivenUp]:
        """Videos that failed."""
        return [event for event in self.events if isinstance(event, VideoGivenUp)]

    @property
    def failed_attempts(self) -> list[Failed]:
        """Attempts without a result."""
        return [event for event in self.events if isinstance(event, Errored | Lost)]

    @property
    def notes(self) -> list[str]:
        """The notes that were shown."""
        return [event.text for event in self.events if isinstance(event, Note)]


class VirtualJob:
    """A job of so many videos; run it once. Each worker takes a GPU and holds two chunks."""

    def __init__(
        self,
        ray: VirtualRay,
        *,
        num_videos: int,
        max_workers: int,
        hang_s: float = 3600.0,
        store: MemoryStore | None = None,
        num_machines: int = 3,
    ) -> None:
        """`store`: the driver's, one that always answers by default."""
        self._ray = ray
        self._store = store or MemoryStore()
        self._num_machines = num_machines
        self._num_videos = num_videos
        self._max_workers = max_workers
        self._hang_s = hang_s
        self.check_superseded: Callable[[], bool] = lambda: False
        """What the store says when the driver asks whether another one took the job over."""
        self.stops_s = float("inf")
        """When the job gets a request to stop."""
        self.freezes_s = float("inf")
        self.frozen_for_s = 0.0
        """The driver's process alone is frozen from then on, for so long."""

    def run(self) -> Ended:
        """Until it ends.

        Raises:
            JobError: what ended the job.
        """
        heard, store, clock = Heard(), self._store, self._ray.clock
        tally = Tally(videos_total=self._num_videos, videos_skipped=0)
        recorder = EventRecorder(
            store=store,
            layout=LAYOUT,
            epoch=1,
            ledger=LedgerWriter(
                lambda part, data: store.put(LAYOUT.ledger_part(1, part), data), clock, job=LAYOUT.name, epoch=1
            ),
            display=heard,
            tally=tally,
            is_superseded=lambda: False,
            clock=clock,
        )
        driver = Driver(
            engine=self._ray.engine(max_workers=self._max_workers, hang_s=self._hang_s),
            dispatch=Dispatch(
                limits_for(self._max_workers, max_attempts=4),
                jitter=Random(1).random,
                outage=Outage(num_machines=self._num_machines),
            ),
            pin=products.PIN,
            recorder=recorder,
            should_stop=self._should_stop,
            is_superseded=lambda: False,
            check_superseded=self.check_superseded,
            clock=clock,
        )
        driver.run(products.pending_video(number) for number in range(self._num_videos))
        recorder.close(finished=True)
        return Ended(num_published=tally.videos_published, events=heard.events)

    def _should_stop(self) -> bool:
        if self._ray.now_s >= self.freezes_s:
            self.freezes_s = float("inf")
            self._ray.sleep(self.frozen_for_s)
        return self._ray.now_s >= self.stops_s
