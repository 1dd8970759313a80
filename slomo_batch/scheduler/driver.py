"""Driver: one loop that reports events to Dispatch and has an engine carry out its instructions.

It decides nothing about order, retries or limits (scheduler.dispatch does), and runs nothing itself (the engine does).
"""

import itertools
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from slomo_batch.attempts import Attempt, ChunkTask, Errored, FramesMade, Head, StepHead, Succeeded
from slomo_batch.errors import JobError, JobTaken, SlomoError, StorageBusy, StoreUnusable, StoreUnusableHere
from slomo_batch.plan.ids import chunks_in_lane
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.plan.needs import Needs
from slomo_batch.plan.stored_plan import PlannedVideo, SurveyWanted
from slomo_batch.records.requests import PendingVideo
from slomo_batch.records.results import Published
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.active_video import ActiveVideo
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.calls import (
    AudioCall,
    Call,
    ChunkCall,
    ChunkStored,
    OpenCall,
    Outcome,
    SplitCall,
    StitchCall,
    SurveyCall,
    SurveyProgress,
    TaskCall,
)
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.engine import Engine
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.messages import (
    ChunkReady,
    Event,
    MakeAudio,
    MakeChunk,
    MakeSurvey,
    NeedsSurvey,
    NoMoreVideos,
    Open,
    Opened,
    Progressed,
    Split,
    Stitch,
    Stop,
    StoreAsked,
    Task,
    VideoFound,
    What,
)
from slomo_batch.scheduler.outage import MAX_PAUSE_S

REPORT_S = 1.0
"""Seconds between two reports of a worker on how many frames of a chunk it has made."""
MAX_REPORTS_PER_S = 16
"""Workers that may report each second: more of them report less often."""
TICK_S = 0.5
"""How long the loop waits for something to happen before it looks at clocks and signals again."""


class Driver:
    """Runs one job from its list of videos to its end.

    `should_stop` is called at every turn. Once it returns True, running calls may end, videos whose chunks and audio
    are all made are stitched, and nothing else starts. The same happens once `meter` says that the budget is reached;
    the driver charges it with the machines in use. `is_superseded` returns True if another driver took the job over, as
    far as is known; `check_superseded` asks the store. `clock` never goes back.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        dispatch: Dispatch,
        pin: JobPin,
        recorder: EventRecorder,
        should_stop: Callable[[], bool],
        is_superseded: Callable[[], bool],
        meter: BudgetMeter | None = None,
        check_superseded: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._dispatch = dispatch
        self._clock = clock
        self._pin = pin
        self._needs = Needs()
        """What the videos opened so far need of every worker."""
        self._recorder = recorder
        self._should_stop = should_stop
        self._is_superseded = is_superseded
        self._meter = meter or BudgetMeter()
        self._check_superseded = check_superseded or is_superseded
        self._paused_since_s: float | None = None
        """When the event that the job is paused was emitted."""
        self._store_error: SlomoError | None = None
        """The last error that says that the store is away."""
        self._videos: dict[int, ActiveVideo] = {}
        self._numbers = itertools.count()

    def run(self, wanted: Iterator[PendingVideo]) -> None:
        """Work until all videos have ended, or what runs has ended after a stop.

        Raises:
            JobTaken: another driver took the job over.
            JobError: something that stops the whole job.
        """
        while not self._dispatch.finished:
            self._check_signals()
            self._take_videos(wanted)
            self._start()
            for call, outcome in self._engine.outcomes(TICK_S):
                self._handle(call, outcome)
            self._record_failures()
            self._show()
            self._follow_store()
        self._charge()
        self._record_failures()
        self._show(at_end=True)

    def _charge(self) -> None:
        self._meter.charge(self._engine.num_machines, self._clock())

    @property
    def _is_stopping(self) -> bool:
        return self._should_stop() or self._meter.is_reached

    def _show(self, *, at_end: bool = False) -> None:
        engine = self._engine
        for note in engine.take_notes(at_end=at_end):
            self._recorder.note(note)
        self._recorder.tick(
            workers=engine.num_workers,
            workers_pending=engine.num_pending,
            slots=engine.num_slots,
            demand=self._dispatch.demand,
            census=lambda: self._dispatch.census.with_waits(engine.waiting_s),
            is_stopping=self._is_stopping,
        )

    def _check_signals(self) -> None:
        if self._is_superseded():
            raise _taken()
        self._charge()
        if self._is_stopping:
            self._report(Stop())

    def _take_videos(self, wanted: Iterator[PendingVideo]) -> None:
        while self._dispatch.wants_video:
            found = next(wanted, None)
            if found is None:
                self._report(NoMoreVideos())
                return
            number = next(self._numbers)
            self._videos[number] = ActiveVideo(pending=found)
            self._report(VideoFound(video=number))

    def _report(self, event: Event) -> None:
        self._dispatch.handle(event, self._clock())

    # ---- out: instructions become calls ----------------------------------------------------------------------------

    def _start(self) -> None:
        for task in self._dispatch.take_tasks(self._engine.task_room, self._clock()):
            self._begin(self._task_call(task))
        self._engine.scale(self._dispatch.demand, self._dispatch.foreseen)
        for chunk in self._dispatch.take_isolated(self._engine.isolated_room, self._clock()):
            self._begin(self._chunk_call(chunk))
        for chunk in self._dispatch.take_chunks(self._room(), self._clock()):
            self._begin(self._chunk_call(chunk))

    def _begin(self, call: Call) -> None:
        self._recorder.started(call, self._videos[call.head.video])
        self._engine.start(call)

    def _room(self) -> int:
        return self._engine.chunk_room(self._dispatch.num_ready)

    def _task_call(self, task: Task) -> TaskCall:
        video = self._videos[task.video]
        match task:
            case Open():
                request, head = video.pending.request, _head(task, video)
                return OpenCall(head=head, request=request, pin=self._pin, remake=video.pending.remake)
            case MakeSurvey():
                return SurveyCall(head=_head(task, video), request=video.pending.request, pin=self._pin)
            case Split():
                if task.lane != video.lane:
                    video.lane, video.segment_bytes = task.lane, 0
                    self._recorder.lane_changed(task.video, video)
                head = _head(task, video, task.lane)
                return SplitCall(head=head, stored=video.plan, lane=task.lane, wanted=task.wanted, audio=task.audio)
            case MakeAudio():
                return AudioCall(head=_head(task, video), stored=video.plan)
            case Stitch():
                head, request = _head(task, video, task.lane), video.pending.request
                return StitchCall(
                    head=head,
                    stored=video.plan,
                    lane=task.lane,
                    exists=request.exists,
                    sidecar=request.sidecar,
                    disk_bytes=video.stitch_disk_bytes,
                )

    def _chunk_call(self, order: MakeChunk) -> ChunkCall:
        stored = self._videos[order.video].plan
        plan, chunk = stored.plan, stored.chunks[order.chunk]
        if order.lane != plan.facts.lane:
            [chunk] = chunks_in_lane(plan.video_id, (chunk,), order.lane)
        task = ChunkTask.of(plan, chunk, lane=order.lane, attempt=uuid4().hex, video=order.video)
        report_s = max(REPORT_S, self._engine.num_workers / MAX_REPORTS_PER_S)
        return ChunkCall(order=order, task=task, report_s=report_s)

    # ---- in: outcomes become events --------------------------------------------------------------------------------

    def _handle(self, call: TaskCall | ChunkCall, outcome: Outcome) -> None:
        match outcome:
            case ChunkStored():
                lane = call.head.lane or "copy"
                self._report(ChunkReady(video=call.head.video, lane=lane, chunk=outcome.index))
            case FramesMade():
                if isinstance(call, ChunkCall):
                    self._recorder.frames_made(call.head, outcome)
                    self._report_progress(call.head.video, ("chunk", call.head.chunk))
            case SurveyProgress(num_pictures=done, num_total=total):
                self._recorder.survey_advanced(call.head.uri, num_pictures=done, num_total=total)
                self._report_progress(call.head.video, ("survey", 0))
            case _:
                self._handle_end(call, outcome)

    def _handle_end(self, call: TaskCall | ChunkCall, outcome: Attempt) -> None:
        if isinstance(outcome, Errored) and isinstance(outcome.error, JobError):
            self._bear(outcome.error, outcome.head)
        if isinstance(outcome, Errored) and isinstance(outcome.error, StorageBusy | StoreUnusableHere):
            self._store_error = outcome.error
        video = self._videos.get(call.head.video)
        self._recorder.attempt(outcome, video)
        if video is not None and isinstance(outcome, Succeeded):
            video.keep_size(outcome)
        match outcome:
            case Succeeded(result=PlannedVideo() as opened):
                self._open(self._videos[call.head.video], opened)
                self._report(Opened(video=call.head.video, existing=opened.existing))
                return
            case Succeeded(result=SurveyWanted() as wanted):
                self._recorder.survey_wanted(self._videos[call.head.video], wanted)
                self._report(NeedsSurvey(video=call.head.video))
                return
            case Succeeded(result=Published() as published):
                self._recorder.published(published)
                del self._videos[call.head.video]
        self._report(outcome)

    def _open(self, video: ActiveVideo, opened: PlannedVideo) -> None:
        self._recorder.opened(video, opened)
        video.stored, video.lane = opened.stored, opened.existing.lane
        video.segment_bytes, video.audio_bytes = opened.existing.done_bytes, opened.existing.audio_bytes
        if len(opened.existing.done) < opened.existing.num_chunks:
            self._require(Needs.of(video.plan.plan, video.pending.request.settings.interpolate, self._pin))

    def _require(self, needs: Needs) -> None:
        if self._needs | needs != self._needs:
            self._needs |= needs
            self._engine.require(self._needs)

    def _record_failures(self) -> None:
        for fail in self._dispatch.take_failures():
            self._recorder.failed(self._videos.pop(fail.video), fail)

    def _report_progress(self, video: int, what: What) -> None:
        if self._dispatch.paused_since_s is not None:
            self._report(Progressed(video=video, what=what))

    # ---- a store that is away --------------------------------------------------------------------------------------

    def _follow_store(self) -> None:
        """Report to dispatch what the store says to the driver itself, and to the displays whether the job is paused.

        Raises:
            JobTaken: another driver took the job over during the pause.
            StoreUnusable: the pause lasts for too long.
        """
        answer = self._recorder.take_answer()
        if answer is not None:
            self._ask_store(answer.error)
        since_s = self._dispatch.paused_since_s
        if since_s is None and self._paused_since_s is not None:
            self._resume(self._paused_since_s)
        elif since_s is not None and self._paused_since_s is None:
            self._paused_since_s = since_s
            self._recorder.paused(str(self._store_error))
        elif self._paused_since_s is not None and self._clock() - self._paused_since_s > MAX_PAUSE_S:
            raise StoreUnusable(
                f"the store has not answered for {MAX_PAUSE_S / 3600:g} hours",
                got=str(self._store_error),
                remedy="Run again when it does; nothing committed is lost.",
            )

    def _ask_store(self, error: SlomoError | None) -> None:
        self._store_error = error or self._store_error
        if error is None:
            self._report(StoreAsked(outcome="answered"))
        elif isinstance(error, StoreUnusableHere):
            self._bear(error, None)
            self._report(StoreAsked(outcome="refused"))
        else:
            self._report(StoreAsked(outcome="busy"))

    def _resume(self, since_s: float) -> None:
        """Go on after a pause, if this driver still leads the job: another one may have taken it over meanwhile."""
        try:
            is_superseded = self._check_superseded()
        except (StorageBusy, StoreUnusableHere) as error:
            self._ask_store(error)
            return
        if is_superseded:
            raise _taken()
        self._paused_since_s = None
        self._recorder.resumed(self._clock() - since_s)

    def _bear(self, error: JobError, head: Head | None) -> None:
        """Raise an error of the whole job, unless it is one that may pass within seconds."""
        if not (isinstance(error, StoreUnusableHere) and self._dispatch.bears_refusal(head, self._clock())):
            raise error


def _taken() -> JobTaken:
    return JobTaken("another driver took this job over", remedy="Nothing is lost; leave it to that one.")


def _head(task: Task, video: ActiveVideo, lane: Lane | None = None) -> StepHead:
    video_id = "" if isinstance(task, Open | MakeSurvey) else video.video_id
    return StepHead(step=task.step, video=task.video, uri=video.uri, video_id=video_id, lane=lane)
