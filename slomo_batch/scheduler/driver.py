"""Driver: one loop that feeds what happened to Dispatch, and carries out what Dispatch asks for with an engine.

It decides nothing about order, retries or limits (scheduler.dispatch does), and runs nothing itself (the engine does).
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

from slomo_batch.errors import (
    BorderMismatch,
    FrameMissing,
    JobError,
    JobTaken,
    ProgramFault,
    SlomoError,
    WorkDamaged,
    WorkerLost,
)
from slomo_batch.plan.ids import chunks_in_lane
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.plan.stored_plan import PlannedVideo, StoredPlan
from slomo_batch.records import ChunkDone, ChunkFailed, ChunkTask, Lane, PendingVideo, Published, SoundDone, VideoFailed
from slomo_batch.scheduler import calls, messages
from slomo_batch.scheduler.calls import Call, ChunkCall, ChunkStored, Done, Erred, Lost, OpenCall, Outcome
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.engine import Engine
from slomo_batch.scheduler.event_recorder import EventRecorder
from slomo_batch.scheduler.messages import Event, MakeChunk, Step, StepFailed, Task

TICK_S = 0.5
"""How long the loop waits for something to happen before it looks at clocks and signals again."""


@dataclass(slots=True)
class _Video:
    """What the driver knows of a video that is open."""

    wanted: PendingVideo
    stored: StoredPlan | None = None
    lane: Lane = "copy"


class Driver:
    """Leads one job from its list of videos to its end.

    `should_stop` is asked at every turn: when it says yes, what runs may end, videos of which all is made are joined,
    and nothing else starts. `is_superseded`
    says that another driver took the job over. `clock`
    only ever rises.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._dispatch = dispatch
        self._clock = clock
        self._pin = pin
        self._journal = recorder
        self._should_stop = should_stop
        self._is_superseded = is_superseded
        self._videos: dict[int, _Video] = {}
        self._numbers = itertools.count()

    def run(self, wanted: Iterator[PendingVideo]) -> None:
        """Work until all videos have ended, or what runs has ended after a stop.

        Raises:
            JobTaken: another driver took the job over.
            JobError: something that stops the whole job.
        """
        while not self._dispatch.finished:
            self._look_around()
            self._pull(wanted)
            self._start()
            for call, outcome in self._engine.outcomes(TICK_S):
                self._take(call, outcome)
            self._record_failures()
            self._show()
        self._record_failures()
        self._show()

    def _show(self) -> None:
        engine = self._engine
        for note in engine.take_notes():
            self._journal.note(note)
        self._journal.tick(
            workers=engine.num_workers,
            slots=engine.num_slots,
            demand=self._dispatch.demand,
            census=lambda: self._dispatch.census,
        )

    def _look_around(self) -> None:
        if self._is_superseded():
            raise JobTaken("another driver took this job over", remedy="Nothing is lost; leave it to that one.")
        if self._should_stop():
            self._tell(messages.Stop())

    def _pull(self, wanted: Iterator[PendingVideo]) -> None:
        while self._dispatch.wants_video:
            found = next(wanted, None)
            if found is None:
                self._tell(messages.NoMoreVideos())
                return
            number = next(self._numbers)
            self._videos[number] = _Video(wanted=found)
            self._tell(messages.Found(video=number))

    def _tell(self, event: Event) -> None:
        self._dispatch.handle(event, self._clock())

    # ---- out: instructions become calls ----------------------------------------------------------------------------

    def _start(self) -> None:
        for task in self._dispatch.take_tasks(self._engine.task_room, self._clock()):
            self._engine.start(self._task_call(task))
        self._engine.scale(self._dispatch.demand)
        for chunk in self._dispatch.take_suspects(self._engine.suspect_room, self._clock()):
            self._engine.start(self._chunk_call(chunk))
        for chunk in self._dispatch.take_chunks(self._room(), self._clock()):
            self._engine.start(self._chunk_call(chunk))

    def _room(self) -> int:
        return self._engine.chunk_room(self._dispatch.num_ready)

    def _task_call(self, task: Task) -> Call:
        video = self._videos[task.video]
        match task:
            case messages.Open():
                wanted = video.wanted
                return OpenCall(video=task.video, request=wanted.request, pin=self._pin, afresh=wanted.afresh)
            case messages.Split():
                if task.lane != video.lane:
                    video.lane = task.lane
                    self._journal.begun_anew(_planned(video).plan.video_id, video.wanted.request.source.uri)
                return calls.SplitCall(
                    video=task.video, stored=_planned(video), lane=task.lane, wanted=task.wanted, sound=task.sound
                )
            case messages.MakeSound():
                return calls.SoundCall(video=task.video, stored=_planned(video))
            case messages.Stitch():
                exists = video.wanted.request.exists
                return calls.StitchCall(video=task.video, stored=_planned(video), lane=task.lane, exists=exists)

    def _chunk_call(self, instruction: MakeChunk) -> ChunkCall:
        video = self._videos[instruction.video]
        stored = _planned(video)
        chunk = stored.chunks[instruction.chunk]
        if instruction.lane != stored.plan.facts.lane:
            [chunk] = chunks_in_lane(stored.plan.video_id, (chunk,), instruction.lane)
        task = ChunkTask(plan=stored.plan, chunk=chunk, lane=instruction.lane, attempt=uuid4().hex)
        return ChunkCall(video=instruction.video, task=task, alone=instruction.alone, avoid=instruction.avoid)

    # ---- in: outcomes become events --------------------------------------------------------------------------------

    def _take(self, call: Call, outcome: Outcome) -> None:
        if isinstance(outcome, Erred) and isinstance(outcome.error, JobError):
            raise outcome.error
        if isinstance(call, ChunkCall):
            self._tell(self._chunk_event(call, outcome))
        else:
            self._tell(self._step_event(call, outcome))

    def _step_event(self, call: calls.TaskCall, outcome: Outcome) -> Event:
        match outcome:
            case ChunkStored(index=index):
                return messages.ChunkReady(video=call.video, lane=_lane(call) or "copy", chunk=index)
            case Done(value=value, stint=stint):
                self._journal.step_done(_step(call), *_about(call), stint)
                return self._step_done(call, value)
            case Erred(error=error, stint=stint):
                failed = _step_failed(call, error)
                self._journal.step_failed(failed, *_about(call), stint)
                return failed
            case Lost(explained=explained, reason=reason):
                lost = WorkerLost("the process that held this step is lost", got=reason)
                failed = replace(_step_failed(call, lost), explained_loss=explained)
                self._journal.step_failed(failed, *_about(call), None)
                return failed

    def _step_done(self, call: calls.TaskCall, value: calls.Value | None) -> Event:
        match value:
            case PlannedVideo():
                video = self._videos[call.video]
                video.stored, video.lane = value.stored, value.lane
                self._journal.opened(value)
                return messages.Opened(
                    video=call.video,
                    num_chunks=len(value.stored.chunks),
                    lane=value.lane,
                    done=value.done,
                    ready=value.ready,
                    sound=value.needs_sound,
                )
            case SoundDone():
                return messages.SoundMade(video=call.video)
            case Published():
                self._journal.published(value)
                del self._videos[call.video]
                return messages.Stitched(video=call.video)
            case _:
                return messages.SplitFinished(video=call.video, lane=_lane(call) or "copy")

    def _chunk_event(self, call: ChunkCall, outcome: Outcome) -> Event:
        task, source_uri = call.task, call.task.plan.request.source.uri
        video, lane, chunk = call.video, task.lane, task.chunk.index
        match outcome:
            case Done(value=ChunkDone() as done, stint=stint):
                self._journal.chunk_done(done, source_uri, stint if done.attempt == task.attempt else None)
                return messages.ChunkMade(video=video, lane=lane, chunk=chunk)
            case Lost(explained=explained, reason=reason, machine=machine):
                lost = WorkerLost("the worker that held this chunk is lost", got=reason)
                self._journal.chunk_failed(_chunk_failed(task, lost), source_uri, None)
                return messages.ChunkLost(
                    video=video, lane=lane, chunk=chunk, explained=explained, reason=reason, machine=machine
                )
            case Erred(error=error, stint=stint, machine=machine):
                failed = _chunk_failed(task, error)
            case _:
                failed, stint, machine = _chunk_failed(task, ProgramFault(f"a chunk came to {outcome!r}")), None, ""
        self._journal.chunk_failed(failed, source_uri, stint)
        return messages.ChunkErred(
            video=video,
            lane=lane,
            chunk=chunk,
            error=failed.error,
            reason=failed.reason,
            retryable=failed.retryable,
            wants_decode_lane=failed.wants_decode_lane,
            lost_input=isinstance(outcome, Erred) and isinstance(outcome.error, WorkDamaged),
            machine=machine,
        )

    def _record_failures(self) -> None:
        for fail in self._dispatch.take_failures():
            video = self._videos.pop(fail.video)
            wanted = video.wanted
            self._journal.failed(
                VideoFailed(
                    source_uri=wanted.request.source.uri,
                    output_uri=wanted.request.output_uri,
                    error=fail.error,
                    reason=fail.reason,
                ),
                wanted.receipt_id,
                video.stored.plan.video_id if video.stored else "",
            )


def _planned(video: _Video) -> StoredPlan:
    if video.stored is None:
        raise ValueError("a step was asked for before its video was planned")
    return video.stored


def _lane(call: calls.TaskCall) -> Lane | None:
    return call.lane if isinstance(call, calls.SplitCall | calls.StitchCall) else None


def _about(call: calls.TaskCall) -> tuple[str, str]:
    """URI of the call's source, and the video's id, empty before it is planned."""
    if isinstance(call, OpenCall):
        return call.request.source.uri, ""
    return call.stored.plan.request.source.uri, call.stored.plan.video_id


def _step(call: calls.TaskCall) -> Step:
    match call:
        case OpenCall():
            return "open"
        case calls.SplitCall():
            return "split"
        case calls.SoundCall():
            return "sound"
        case calls.StitchCall():
            return "stitch"


def _step_failed(call: calls.TaskCall, error: SlomoError) -> StepFailed:
    return StepFailed(
        video=call.video,
        step=_step(call),
        lane=_lane(call),
        error=type(error).__name__,
        reason=str(error),
        retryable=error.retryable,
        wants_decode_lane=isinstance(error, BorderMismatch | FrameMissing),
        lost_input=isinstance(error, WorkDamaged),
    )


def _chunk_failed(task: ChunkTask, error: SlomoError) -> ChunkFailed:
    return ChunkFailed(
        video_id=task.plan.video_id,
        chunk_id=task.chunk.chunk_id,
        index=task.chunk.index,
        attempt=task.attempt,
        error=type(error).__name__,
        reason=str(error),
        retryable=error.retryable or isinstance(error, ProgramFault),
        wants_decode_lane=isinstance(error, FrameMissing),
    )
