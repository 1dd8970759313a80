"""EventRecorder: record what happens in a run, in the ledger, in the status file and on the displays."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from slomo_batch.attempts import Attempt, ChunkHead, FramesMade, Succeeded
from slomo_batch.errors import SlomoError, StorageBusy, StoreUnusableHere
from slomo_batch.plan.stored_plan import PlannedVideo, SurveyWanted
from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.results import Published, VideoFailed
from slomo_batch.report.events import (
    Display,
    Event,
    Failure,
    FramesTakenBack,
    JobPaused,
    JobResumed,
    Note,
    SurveyAdvanced,
    VideoGivenUp,
    VideoOpened,
    VideoPublished,
)
from slomo_batch.report.ledger import LedgerWriter
from slomo_batch.scheduler.active_video import ActiveVideo
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.budget_recorder import BudgetRecorder
from slomo_batch.scheduler.calls import Call
from slomo_batch.scheduler.job_overview import JobOverview
from slomo_batch.scheduler.job_progress import JobProgress
from slomo_batch.scheduler.messages import Fail
from slomo_batch.scheduler.state_counts import Census
from slomo_batch.scheduler.tally import Tally
from slomo_batch.steps.stored_records import put_record
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout

SNAPSHOT_S = 1.0
PROGRESS_S = 5.0
"""Seconds between two writings of what `status` shows."""
WAITING_S = 60.0
"""Seconds with chunks to make and no worker, after which a note is shown."""
_WAITING = "no worker has started yet: the cluster needs a machine with the resources of a worker, or must start one"
BUSY_S = 10.0
"""Seconds after which a store that was busy is asked again."""
MAX_FAILURES_SHOWN = 100
"""Failures that `status` shows; the failure records have them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAnswer:
    """What the store said to a write of the driver itself."""

    error: SlomoError | None
    """None: it took the data."""


class EventRecorder:
    """Records what becomes of chunks and videos."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        layout: Layout,
        epoch: int,
        ledger: LedgerWriter,
        display: Display,
        tally: Tally,
        is_superseded: Callable[[], bool],
        meter: BudgetMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`epoch` is the number of this driver. Its progress and failures have keys with that number, so that a
        superseded driver cannot overwrite its successor's. `is_superseded` looks whether it was superseded. `meter` is
        the driver's."""
        self._store, self._layout, self._epoch = store, layout, epoch
        self._ledger, self._displays = ledger, [display]
        self.tally = tally
        self._is_superseded, self._clock = is_superseded, clock
        self._budget = BudgetRecorder(meter or BudgetMeter(), ledger, self._show, clock())
        self._failures: deque[Failure] = deque(maxlen=MAX_FAILURES_SHOWN)
        self._unstored: dict[str, VideoFailed] = {}
        self._progress = JobProgress()
        self._overview = JobOverview(
            job=layout.name, tally=tally, progress=self._progress, meter=self._budget.meter, clock=clock
        )
        self._snapshot_due = self._progress_due = self._busy_due = clock()
        self._waiting_due = self._busy_due + WAITING_S
        self._store_due = 0.0
        self._answer: StoreAnswer | None = None

    def add_displays(self, *displays: Display) -> None:
        """Show events on these displays too from now on."""
        self._displays += displays

    def _show(self, event: Event) -> None:
        for display in self._displays:
            display.show(event)

    # ---- what happened ---------------------------------------------------------------------------------------------

    def expect(self, num_bytes: int) -> None:
        """Take in how many bytes the sources of the videos have that will be opened."""
        self._progress.not_opened.num_bytes = num_bytes

    def started(self, call: Call, video: ActiveVideo) -> None:
        """Record that a call begins."""
        self._progress.started(call, video, self._clock())

    def frames_made(self, head: ChunkHead, made: FramesMade) -> None:
        """Record how far an attempt at a chunk is."""
        self._progress.reported(head, made, self._clock())

    def survey_wanted(self, video: ActiveVideo, wanted: SurveyWanted) -> None:
        """Record that a video is surveyed before it is planned."""
        for note in wanted.notes:
            self._show(Note(uri=video.uri, text=note))

    def survey_advanced(self, uri: str, *, num_pictures: int, num_total: int) -> None:
        """Show how far the survey of a video is."""
        self._show(SurveyAdvanced(uri=uri, num_pictures=num_pictures, num_total=num_total))

    def opened(self, video: ActiveVideo, planned: PlannedVideo) -> None:
        """Record a planned video; part of it may be made already. Opened again, it is counted from the start."""
        chunks, plan = planned.stored.chunks, planned.stored.plan
        done = [chunk for chunk in chunks if chunk.index in planned.existing.done]
        if video.stored is None:
            self.tally.chunks_total += len(chunks)
            self.tally.frames_total += plan.grid.num_frames
        frames_before = video.frames_done
        self._count(video, -video.chunks_done, -video.frames_done)
        self._count(video, len(done), sum(chunk.end_frame - chunk.first_frame for chunk in done))
        self._progress.opened(video, planned)
        self._show(
            VideoOpened(
                uri=plan.request.source.uri,
                video_id=plan.video_id,
                num_chunks=len(chunks),
                num_frames=plan.grid.num_frames,
            )
        )
        for note in planned.notes:
            self._show(Note(uri=plan.request.source.uri, text=note))
        self._take_back(video, frames_before - video.frames_done)

    def attempt(self, attempt: Attempt, video: ActiveVideo | None) -> None:
        """Record what became of an attempt at a step of a video; None: the video has ended meanwhile."""
        if isinstance(attempt, Succeeded) and isinstance(attempt.result, ChunkDone):
            num_frames = attempt.result.num_frames
            if video is None or attempt.head.lane == video.lane:  # a chunk of a lane that its video left is of no use
                self._count(video, 1, num_frames)
            self.tally.frames_made += num_frames
        taken_back = self._progress.ended(attempt, self._clock())
        with self._tolerant():
            self._ledger.attempt(attempt)
        self._show(attempt)
        if video is not None and isinstance(attempt.head, ChunkHead):
            self._take_back(video, taken_back, chunk=attempt.head.chunk)

    def lane_changed(self, number: int, video: ActiveVideo) -> None:
        """Record that a video changed its lane: what was made of it so far does not count."""
        taken_back = video.frames_done + self._progress.dropped(number)
        self._count(video, -video.chunks_done, -video.frames_done)
        self._show(Note(uri=video.uri, text="its packets alone do not give the planned frames: it is decoded whole"))
        self._take_back(video, taken_back)

    def _take_back(self, video: ActiveVideo, num_frames: int, *, chunk: int | None = None) -> None:
        """Show that frames do not count any more, after the event that says why."""
        if num_frames > 0:
            self._progress.explain()
            self._show(FramesTakenBack(uri=video.uri, video_id=video.video_id, chunk=chunk, num_frames=num_frames))

    def _count(self, video: ActiveVideo | None, chunks: int, frames: int) -> None:
        if video is None:  # a chunk that was in flight when its video was given up
            self.tally.chunks_failed -= chunks
        else:
            video.chunks_done += chunks
            video.frames_done += frames
        self.tally.chunks_done += chunks
        self.tally.frames_done += frames

    def published(self, published: Published) -> None:
        """Record a published output."""
        self.tally.videos_published += 1
        with self._tolerant():
            self._ledger.published(published)
        self._show(
            VideoPublished(
                uri=published.source.uri,
                video_id=published.video_id,
                output_uri=published.output_uri,
                num_frames=published.num_frames,
                size_bytes=published.size_bytes,
                notes=published.notes,
            )
        )

    def failed(self, video: ActiveVideo, fail: Fail) -> None:
        """Record that a video is given up; it waits for --retry-failed."""
        self.tally.videos_failed += 1
        self._progress.failed(fail.video, video)
        if video.stored:
            self.tally.chunks_failed += len(video.stored.chunks) - video.chunks_done
        request = video.pending.request
        failed = VideoFailed(source_uri=video.uri, output_uri=request.output_uri, error=fail.error, reason=fail.reason)
        self._unstored[video.pending.receipt_id] = failed
        with self._tolerant():
            self._store_failures()
        with self._tolerant():
            self._ledger.failed(failed)
        self._show_failure(failed, video.video_id)

    def refused(self, failed: VideoFailed, *, in_earlier_run: bool = False) -> None:
        """Record a video that is not started: for a reason outside the job, which every run looks at again, or because
        it failed in an earlier run."""
        self.tally.videos_failed += 1
        self._show_failure(failed, "", in_earlier_run=in_earlier_run)

    def note(self, text: str) -> None:
        """Show a note about the machines."""
        self._show(Note(text=text))

    def paused(self, reason: str) -> None:
        """Show that the job is paused."""
        self._overview.is_paused = True
        self._show(JobPaused(since=datetime.now(UTC).isoformat(timespec="seconds"), reason=reason))

    def resumed(self, seconds: float) -> None:
        """Show that the job continues after a pause."""
        self._overview.is_paused = False
        self._show(JobResumed(seconds=round(seconds, 1)))

    def _show_failure(self, failed: VideoFailed, video_id: str, *, in_earlier_run: bool = False) -> None:
        self._failures.append(Failure(uri=failed.source_uri, error=failed.error, reason=failed.reason))
        self._show(
            VideoGivenUp(
                uri=failed.source_uri,
                video_id=video_id,
                output_uri=failed.output_uri,
                error=failed.error,
                reason=failed.reason,
                in_earlier_run=in_earlier_run,
            )
        )

    # ---- where the job is --------------------------------------------------------------------------------------------

    def tick(
        self,
        *,
        workers: int,
        workers_pending: int,
        slots: int,
        demand: int,
        census: Callable[[], Census],
        is_stopping: bool,
    ) -> None:
        """Store what is due and show the progress of the job; called often.

        `slots`: chunks that the workers can hold; `demand`: chunks that could be running; `census` is called only if
        it is shown.
        """
        now = self._clock()
        self._overview.update(
            workers=workers, workers_pending=workers_pending, slots=slots, census=census, is_stopping=is_stopping
        )
        self._progress.busy(workers, demand, now)
        self._note_waiting(now, is_waiting=demand > 0 and not workers and not self._overview.is_paused)
        self._budget.note()
        if now >= self._snapshot_due:
            self._snapshot_due = now + SNAPSHOT_S
            self._show(self._overview.snapshot())
        if now >= self._store_due:
            with self._tolerant():
                self._store_what_is_due(now)

    def _store_what_is_due(self, now: float) -> None:
        self._store_failures()
        self._budget.record_if_due(now)
        if self._ledger.due():
            self._ledger.flush()
        if now >= self._progress_due:
            self._progress_due = now + PROGRESS_S
            self._write_progress("running")
            self._answer = StoreAnswer(error=None)

    def take_answer(self) -> StoreAnswer | None:
        """What the store said to the last write since the last call; None if there was none."""
        answer, self._answer = self._answer, None
        return answer

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Let a busy store, and credentials that fail for a moment, stop no work. What the store did not take is stored
        the next time; `close` raises."""
        try:
            yield
        except (StorageBusy, StoreUnusableHere) as busy:
            now = self._clock()
            self._store_due, self._answer = now + BUSY_S, StoreAnswer(error=busy)
            if now >= self._busy_due:
                self._busy_due = now + WAITING_S
                self._show(Note(text=f"progress cannot be stored for now: {busy}"))

    def _store_failures(self) -> None:
        """A superseded driver must not record failures: its successor may be making the same video. So it looks before
        it writes and once more after, and deletes what it wrote if it was superseded in between."""
        if not self._unstored or self._is_superseded():
            return
        records = {self._layout.failure(self._epoch, receipt): failed for receipt, failed in self._unstored.items()}
        for key, failed in records.items():
            put_record(self._store, key, failed)
        if self._is_superseded():
            self._store.delete(records)
        self._unstored.clear()

    def _note_waiting(self, now: float, *, is_waiting: bool) -> None:
        if not is_waiting:
            self._waiting_due = now + WAITING_S
        elif now >= self._waiting_due:
            self._waiting_due = now + WAITING_S
            self._show(Note(text=_WAITING))

    def hours_left(self) -> float | None:
        """About the machine hours that the rest of the job takes, as fast as this run; None if that is not known."""
        return self._progress.hours_left(self._budget.meter.run_s / 3600)

    def close(self, *, finished: bool) -> None:
        """Store and show the end of a run, after all its calls have ended.

        Raises:
            StorageError: the store refuses. Call it again to try again.
        """
        self._store_due = 0.0
        self._store_failures()
        self._budget.record()
        self._ledger.flush()
        self._overview.end()
        self._show(self._overview.snapshot())
        self._write_progress("finished" if finished else "interrupted")

    def _write_progress(self, state: Literal["running", "interrupted", "finished"]) -> None:
        put_record(self._store, self._layout.progress(self._epoch), self._overview.status(state, self._failures))
