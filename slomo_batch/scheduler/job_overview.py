"""JobOverview: where a run is, as displays and `status` show it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from slomo_batch.report.events import Failure, JobStatus, Snapshot
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.job_progress import JobProgress
from slomo_batch.scheduler.state_counts import Census
from slomo_batch.scheduler.tally import Tally


class JobOverview:
    """Puts together what is counted elsewhere, and what the driver says of its workers."""

    def __init__(
        self, *, job: str, tally: Tally, progress: JobProgress, meter: BudgetMeter, clock: Callable[[], float]
    ) -> None:
        """`job` is its name; `clock` is the one that `progress` goes by."""
        self._job, self._tally, self._progress, self._meter, self._clock = job, tally, progress, meter, clock
        self._began_at = _now()
        self._workers = self._workers_pending = self._slots = 0
        self._is_stopping = False
        self._census: Callable[[], Census] = Census
        self.is_paused = False

    def update(
        self, *, workers: int, workers_pending: int, slots: int, census: Callable[[], Census], is_stopping: bool
    ) -> None:
        """Take in what the driver says. `slots`: chunks that the workers can hold; `census` is called only if it is
        shown."""
        self._workers, self._workers_pending, self._slots = workers, workers_pending, slots
        self._census, self._is_stopping = census, is_stopping

    def end(self) -> None:
        """From now on no chunk and no step runs."""
        still = self._census()
        none_running = tuple((step, 0) for step, _ in still.steps_running)
        at_end = replace(still, chunks_running=0, steps_running=none_running).with_waits({})
        self._census = lambda: at_end

    def status(self, state: Literal["running", "interrupted", "finished"], failures: Iterable[Failure]) -> JobStatus:
        """What `status` shows."""
        tally, now, is_running = self._tally, self.snapshot(), state == "running"
        return JobStatus(
            job=self._job,
            state=state,
            videos_done=tally.videos_done,
            videos_failed=tally.videos_failed,
            videos_total=tally.videos_total,
            chunks_done=tally.chunks_done,
            chunks_total=tally.chunks_total,
            frames_done=tally.frames_done,
            updated=_now(),
            failures=tuple(failures),
            began=self._began_at,
            frames_total=tally.frames_total,
            frames_per_s=round(now.frames_per_s, 3) if is_running else 0.0,
            eta_s=round(now.eta_s, 1) if is_running and now.eta_s is not None else None,
            workers=now.workers if is_running else 0,
            spent_hours=now.spent_hours,
            budget_hours=now.budget_hours,
            price_per_hour=now.price_per_hour,
        )

    def snapshot(self) -> Snapshot:
        """What displays show."""
        tally, census, meter = self._tally, self._census(), self._meter
        outlook = self._progress.outlook(
            census, workers=self._workers, is_stopping=self._is_stopping, now_s=self._clock()
        )
        return Snapshot(
            videos_done=tally.videos_done,
            videos_failed=tally.videos_failed,
            videos_total=tally.videos_total,
            chunks_done=tally.chunks_done,
            chunks_total=tally.chunks_total,
            frames_done=tally.frames_done,
            frames_total=tally.frames_total,
            frames_per_s=outlook.rate.frames_per_s if outlook.rate else 0.0,
            eta_s=None if self.is_paused else outlook.eta_s,
            workers=self._workers,
            slots=self._slots,
            videos_open=census.videos_open,
            chunks_waiting=census.chunks_waiting,
            chunks_ready=census.chunks_ready,
            chunks_running=census.chunks_running,
            chunks_failed=tally.chunks_failed,
            steps_running=census.steps_running,
            phase="paused" if self.is_paused and not self._is_stopping else outlook.phase,
            frames_in_progress=outlook.frames_in_progress,
            frames_expected=outlook.frames_expected,
            fraction=outlook.fraction,
            workers_pending=self._workers_pending,
            faults=self._progress.num_faults,
            videos=outlook.videos,
            spent_hours=round(meter.spent_hours, 6),
            budget_hours=meter.limit_hours,
            price_per_hour=meter.price_per_hour,
            steps_waiting_s=census.steps_waiting_s,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
