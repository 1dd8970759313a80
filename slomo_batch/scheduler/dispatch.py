"""Dispatch: decides what a job does next. Events in, instructions out; it does nothing itself.

Every call brings the time `now_s`, and randomness (`jitter`) is passed in, so that runs can be simulated. Dispatch
forgets a video when it ends: its memory is bounded by the open videos, and an event costs O(log n) of them.

Order of tasks: first what is nearest to an output (stitch, sound, split, open), then the older video. A split does not
start while `max_ready_chunks` chunk objects are waiting or being stored. One video counts for half of that at most, so
that a film does not keep the clips behind it from starting. Stitches take more than half of the room for tasks only
if nothing else could start: the stitch of a film takes an hour.

Order of chunks: every other turn goes to the oldest video that has a chunk waiting, so that none starves. The turns
between go to the video with the fewest chunks left, so that the first outputs appear early. When no more videos come,
the one with the most chunks left takes the place of the oldest, since the job would wait for it in the end. Chunks of
one video start in order of time.

A video with more chunks running than made goes after all others. If it turns out to kill workers, or to need the decode
lane, little work is lost. If it proves good, it soon gets as many workers as any other.

After a stop, dispatch starts nothing but the stitches of videos whose chunks and audio are all made.

An isolated chunk gets a machine to itself (`take_isolated`). The engine finds which machine, and when that is quiet
(scheduler.placement). All other chunks go on beside it.

A video that can only be planned from a survey is surveyed when its first open says so, and then opened again.

An object that a chunk or a step reads may be damaged. The step deletes it, and what makes it runs again first: a split
for a chunk or the audio. Before a split or a stitch the video is opened again, which finds out what is left of it.

If copied packets cannot give the planned frames, the video is split again in the decode lane, once. Dispatch ignores
the outcomes of what still runs in its copy lane.

While the store answers nobody the job is paused (scheduler.outage): only canaries start, one at a time, each another
chunk or step than the last.
"""

from collections.abc import Callable

from slomo_batch.attempts import Attempt, ChunkHead, Errored, Failed, Head, Lost, StepHead, Succeeded
from slomo_batch.errors import ProgramFault, WorkDamaged
from slomo_batch.scheduler.delays import Delayed, Delays
from slomo_batch.scheduler.in_flight import InFlight
from slomo_batch.scheduler.limits import Limits
from slomo_batch.scheduler.messages import (
    ChunkReady,
    Event,
    Fail,
    MakeChunk,
    NeedsSurvey,
    NoMoreVideos,
    Opened,
    Progressed,
    Step,
    Stop,
    StoreAsked,
    Task,
    VideoFound,
    What,
)
from slomo_batch.scheduler.outage import Outage, StoreCall
from slomo_batch.scheduler.ready_queue import ReadyQueue
from slomo_batch.scheduler.retry import MAX_LOSSES, Decision, GiveUp, Tries, after_chunk, after_outage
from slomo_batch.scheduler.state_counts import Census, census_of
from slomo_batch.scheduler.video_state import STEPS, OpenVideo


class Dispatch:
    """Decides what a job does next."""

    def __init__(self, limits: Limits, *, jitter: Callable[[], float], outage: Outage | None = None) -> None:
        """`jitter` draws from [0, 1). `outage`: what is known of the store; nothing yet."""
        self._limits = limits
        self._jitter = jitter
        self._ready_queue = ReadyQueue(most_held=max(1, limits.max_ready_chunks // 2))
        self._in_flight = InFlight(limits)
        self._delays = Delays()
        self._outage = outage or Outage()
        self._failures: list[Fail] = []
        self._turn_of_oldest = True
        self._is_stopped = False
        self._is_exhausted = False

    # ---- what an engine asks ---------------------------------------------------------------------------------------

    @property
    def wants_video(self) -> bool:
        """True while another video should be pulled from the job's list and reported as VideoFound, or NoMoreVideos."""
        return not (self._is_stopped or self._is_exhausted) and self.num_open < self._limits.max_open_videos

    @property
    def demand(self) -> int:
        """Chunks that are running or could be, back-off aside: how many workers could be busy. In a long pause only
        one more could."""
        ready = 0 if self._is_stopped else self._ready_queue.num_ready
        return self._in_flight.num_chunks + (min(1, ready) if self._outage.is_long else ready)

    @property
    def foreseen(self) -> int:
        """Chunks that soon can run: those of running splits, and one of each video that is about to be opened. None
        in a pause."""
        return 0 if self._is_stopped or self._outage.is_on else self._ready_queue.num_foreseen

    @property
    def num_ready(self) -> int:
        """Chunks that could start now."""
        return 0 if self._is_stopped else self._ready_queue.num_ready - self._ready_queue.num_delayed

    @property
    def finished(self) -> bool:
        """True when nothing runs and nothing is left to start. Failures may remain to be taken."""
        if self._in_flight:
            return False
        if self._is_stopped:
            return self._outage.is_on or self._ready_queue.wanting("stitch") is None
        return self._is_exhausted and not self._ready_queue

    @property
    def num_open(self) -> int:
        """Videos between VideoFound and their end."""
        return len(self._ready_queue)

    @property
    def census(self) -> Census:
        """Counts of videos, chunks and steps by state, made on request."""
        return census_of(
            self._ready_queue,
            chunks_running=self._in_flight.num_chunks,
            steps_running=self._in_flight.steps,
        )

    @property
    def paused_since_s(self) -> float | None:
        """Since when the job is paused, because the store answers nobody; None if it is not."""
        return self._outage.since_s

    def bears_refusal(self, head: Head | None, now_s: float) -> bool:
        """Whether to go on although an attempt could not use the store, on the only machine or on several. None: the
        driver could not."""
        return self._outage.bears_refusal(_call_of(head) if head else None, now_s)

    def take_failures(self) -> list[Fail]:
        """The videos given up since the last call; each is reported once."""
        failures, self._failures = self._failures, []
        return failures

    def take_tasks(self, limit: int, now_s: float) -> list[Task]:
        """Up to `limit` tasks to start now; they count as running from here on."""
        self._release_due(now_s)
        limit = self._outage.most_to_start(limit, now_s)
        tasks: list[Task] = []
        half = max(1, (limit + self._in_flight.num_tasks) // 2)
        steps = STEPS if not self._is_stopped else ()
        shares: list[tuple[Step, int]] = [*((step, half) for step in steps), ("stitch", self._limits.max_stitches)]
        for step, most_stitches in shares:
            while (
                len(tasks) < limit
                and self._in_flight.has_room(step, most_stitches=most_stitches, num_held=self._ready_queue.num_held)
                and (video := self._ready_queue.wanting(step))
            ):
                tasks.append(self._begin(video, step))
                self._outage.started((video.number, (step, 0)), now_s)
        return tasks

    def take_isolated(self, num_machines: int, now_s: float) -> list[MakeChunk]:
        """Up to `num_machines` chunk attempts, each for its own machine; they count as running from here on."""
        self._release_due(now_s)
        most, chunks = self._outage.most_to_start(num_machines, now_s), list[MakeChunk]()
        while len(chunks) < most and (video := self._next_isolated()):
            chunks.append(self._begin_chunk(video, now_s, isolated=True))
        return chunks

    def take_chunks(self, free_slots: int, now_s: float) -> list[MakeChunk]:
        """Up to `free_slots` chunk attempts to start now on shared machines; they count as running from here on."""
        self._release_due(now_s)
        most, chunks = self._outage.most_to_start(free_slots, now_s), list[MakeChunk]()
        while len(chunks) < most and (video := self._next_video()):
            chunks.append(self._begin_chunk(video, now_s, isolated=False))
        if self._outage.is_on and most and not chunks:  # what could start has had its turn
            self._release(next(self._delays.take_held(), None))
        return chunks

    # ---- what an engine reports ------------------------------------------------------------------------------------

    def handle(self, event: Event, now_s: float) -> None:
        """Handle one event.

        An event of a video that has ended, or of a lane that it left, only frees its slot.
        """
        was_paused = self._outage.is_on
        self._handle(event, now_s)
        for number, what in self._outage.take_back():
            if video := self._ready_queue.get(number):
                video.take_failure_back(what)
        if was_paused and not self._outage.is_on:
            for delayed in self._delays.take_held():
                self._release(delayed)

    def _handle(self, event: Event, now_s: float) -> None:
        match event:
            case VideoFound(video=number):
                self._ready_queue.take_in(OpenVideo(number))
            case NoMoreVideos():
                self._is_exhausted = True
            case Stop():
                self._is_stopped = True
            case StoreAsked() | Progressed():
                self._outage.hear(event, now_s)
            case ChunkReady():
                self._chunk_ready(event)
            case Opened():
                self._opened(event)
            case NeedsSurvey():
                self._needs_survey(event)
            case Succeeded(head=head) | Errored(head=head) | Lost(head=head):
                if isinstance(head, ChunkHead):
                    self._chunk_ended(head, event, now_s)
                else:
                    self._step_ended(head, event, now_s)

    def _chunk_ready(self, event: ChunkReady) -> None:
        self._outage.progressed((event.video, ("split", 0)))
        video = self._ready_queue.get(event.video)
        if video is not None and event.lane == video.lane:
            video.chunk_ready(event.chunk)
            self._ready_queue.note(video)

    def _opened(self, event: Opened) -> None:
        self._open_ended(event.video)
        if video := self._ready_queue.get(event.video):
            video.opened(event.existing)
            self._ready_queue.note(video)

    def _open_ended(self, number: int) -> None:
        self._in_flight.end_open(number)
        self._outage.progressed((number, ("open", 0)))

    def _needs_survey(self, event: NeedsSurvey) -> None:
        self._open_ended(event.video)
        if video := self._ready_queue.get(event.video):
            video.needs_survey()
            self._ready_queue.note(video)
            if video.num_surveys >= self._limits.max_attempts:
                reason = (
                    f"the survey of the video was made {video.num_surveys} times, and was missing or damaged each time"
                )
                self._fail(video, WorkDamaged.__name__, reason)

    def _step_ended(self, head: StepHead, attempt: Attempt, now_s: float) -> None:
        self._in_flight.end_task(head)
        is_of_the_store = self._outage.ended(_call_of(head), attempt, now_s)
        video = self._ready_queue.get(head.video)
        if video is None or (head.step == "split" and head.lane != video.lane):
            return
        if not isinstance(attempt, Succeeded):
            self._step_failed(video, head, attempt, now_s, is_of_the_store=is_of_the_store)
        elif head.step == "split":
            self._split_ended(video, head, now_s)
        elif head.step == "survey":
            video.survey_made()
        elif head.step == "sound":
            video.audio_made()
        else:
            self._ready_queue.forget(video.number)
        self._ready_queue.note(video)

    def _split_ended(self, video: OpenVideo, head: StepHead, now_s: float) -> None:
        forgotten = video.split_finished()
        if forgotten:
            fault = ProgramFault(f"the split ended without storing chunks {sorted(forgotten)}")
            self._step_failed(video, head, Errored(head=head, error=fault), now_s, retryable=True)

    def _step_failed(
        self,
        video: OpenVideo,
        head: StepHead,
        attempt: Failed,
        now_s: float,
        *,
        retryable: bool | None = None,
        is_of_the_store: bool = False,
    ) -> None:
        state = video.steps[head.step]
        state.running = False
        if attempt.wants_decode_lane and video.lane == "copy":
            video.change_lane()
            return
        if is_of_the_store and self._may_wait(state.outages):
            decision: Decision = state.wait_for_store(jitter=self._jitter())
        else:
            retryable = attempt.retryable if retryable is None else retryable
            most = self._limits.max_attempts
            decision = state.fail(attempt, retryable=retryable, max_attempts=most, jitter=self._jitter())
        if isinstance(decision, GiveUp):
            self._fail(video, attempt.error_name, _because(attempt.reason, decision))
        else:
            if attempt.lost_input:
                video.lose_input(head.step)
            state.is_resting = True
            self._delay(now_s + decision.after_s, video, (head.step, 0))

    def _chunk_ended(self, head: ChunkHead, attempt: Attempt, now_s: float) -> None:
        if not self._in_flight.end_chunk(head):
            return
        is_of_the_store = self._outage.ended(_call_of(head), attempt, now_s)
        video = self._ready_queue.get(head.video)
        if video is None or head.lane != video.lane:
            return
        if isinstance(attempt, Succeeded):
            video.chunk_made(head.chunk)
        elif attempt.wants_decode_lane and video.lane == "copy":
            video.change_lane()
        else:
            self._chunk_failed(video, head.chunk, attempt, now_s, is_of_the_store=is_of_the_store)
        self._ready_queue.note(video)

    def _chunk_failed(
        self, video: OpenVideo, chunk: int, attempt: Failed, now_s: float, *, is_of_the_store: bool
    ) -> None:
        decision: Decision
        before = video.tries.get(chunk, Tries())
        if is_of_the_store and self._may_wait(before.outages):
            tries, decision = after_outage(before, jitter=self._jitter())
        else:
            tries, decision = after_chunk(
                before, attempt, max_attempts=self._limits.max_attempts, jitter=self._jitter()
            )
        if isinstance(decision, GiveUp):
            reason = attempt.cause if isinstance(attempt, Lost) else attempt.reason
            self._fail(video, attempt.error_name, _because(f"chunk {chunk}: {reason}", decision))
        elif attempt.lost_input:
            video.lose_object(chunk, tries)
        else:
            video.delay(chunk, tries)
            self._delay(now_s + decision.after_s, video, ("chunk", chunk))

    def _may_wait(self, num_outages: int) -> bool:
        """Whether something may wait for the store once more: always in a pause, else not for ever."""
        return self._outage.is_on or num_outages < MAX_LOSSES

    def _delay(self, due_s: float, video: OpenVideo, what: What) -> None:
        delayed = Delayed(due_s=due_s, video=video.number, lane=video.lane, what=what)
        if self._outage.is_on:
            self._delays.hold(delayed)
        else:
            self._delays.add(delayed)

    # ---- which comes next ------------------------------------------------------------------------------------------

    def _begin(self, video: OpenVideo, step: Step) -> Task:
        task = video.begin(step)
        self._in_flight.begin_task(task)
        self._ready_queue.note(video)
        return task

    def _begin_chunk(self, video: OpenVideo, now_s: float, *, isolated: bool) -> MakeChunk:
        chunk = video.begin_chunk(isolated=isolated)
        self._in_flight.begin_chunk(chunk)
        self._outage.started((video.number, ("chunk", chunk.chunk)), now_s)
        self._ready_queue.note(video)
        return chunk

    def _next_isolated(self) -> OpenVideo | None:
        return None if self._is_stopped else self._ready_queue.oldest_isolated()

    def _next_video(self) -> OpenVideo | None:
        if self._is_stopped:
            return None
        oldest, self._turn_of_oldest = self._turn_of_oldest, not self._turn_of_oldest
        if not oldest:
            return self._ready_queue.fewest_left()
        return self._ready_queue.most_left() if self._is_exhausted else self._ready_queue.oldest_runnable()

    def _release_due(self, now_s: float) -> None:
        for delayed in self._delays.take_due(now_s):
            self._release(delayed)

    def _release(self, delayed: Delayed | None) -> None:
        if delayed and (video := self._ready_queue.get(delayed.video)):
            video.release(delayed)
            self._ready_queue.note(video)

    def _fail(self, video: OpenVideo, error: str, reason: str) -> None:
        self._failures.append(Fail(video=video.number, error=error, reason=reason))
        self._ready_queue.forget(video.number)


def _call_of(head: Head) -> StoreCall:
    return head.video, ("chunk", head.chunk) if isinstance(head, ChunkHead) else (head.step, 0)


def _because(reason: str, decision: GiveUp) -> str:
    return f"{reason} ({decision.why})" if decision.why else reason
