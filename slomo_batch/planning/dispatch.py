"""Dispatch: the scheduling brain of a job. Events in, instructions out; an engine feeds it and does what it asks for.

It has no clock (every call brings `now_s`, of any clock that only rises) and no chance (`jitter` is passed in). It
forgets a video when it ends, so that its memory is bounded by the open videos.

Which task first: what is nearest to an output (stitch, sound, split, open), then the older video. Splits run ahead of
the workers, but not far: no split starts while `max_ready_chunks` chunk objects stand unmade or are being stored. One
video counts for half of that at most, so that a film does not keep the clips behind it from starting.

Which chunk first: every other turn belongs to the oldest video that has a chunk waiting, so none starves; the turns
between to the one with the fewest chunks left, so that the first outputs appear early however long the oldest is.
Within a video: in order of time.

A suspect chunk needs a machine to itself, and is asked for by itself (`take_suspects`); which machine, and when that is
quiet, is the engine's to find (planning.placement). All others go on beside it.

When copied packets prove unable to give the planned frames, the video is split anew in the decode lane, once; what
still runs of its copy lane is awaited and ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import assert_never

from slomo_batch.errors import ProgramFault, WorkerLost
from slomo_batch.planning.events import (
    ChunkErred,
    ChunkEvent,
    ChunkLost,
    ChunkMade,
    ChunkReady,
    Closed,
    Event,
    Fail,
    Found,
    MakeChunk,
    NoMoreVideos,
    Opened,
    SoundMade,
    SplitFinished,
    Step,
    StepEvent,
    StepFailed,
    Stitched,
    Stop,
    Task,
)
from slomo_batch.planning.open_video import STEPS, OpenVideo, StepState
from slomo_batch.planning.retry import (
    GiveUp,
    Retry,
    Tries,
    Verdict,
    after_chunk_error,
    after_loss,
    after_step_error,
    after_step_loss,
)
from slomo_batch.records import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much may be going on at once, and how often a thing is tried."""

    max_open_videos: int
    max_attempts: int
    """Attempts that may end in an error, of a chunk and of each step of a video."""
    max_splits: int
    """Opens, splits and sounds in flight together."""
    max_stitches: int
    max_ready_chunks: int
    """Chunk objects that stand unmade, from which on no further split starts."""

    def __post_init__(self) -> None:
        limits = (self.max_open_videos, self.max_attempts, self.max_splits, self.max_stitches, self.max_ready_chunks)
        if min(limits) < 1:
            raise ValueError(f"every limit of a policy is at least 1, got {self}")


_Slot = tuple[int, Step, Lane | None]
"""A task in flight: video, step, and the lane of a split, of which a left lane's may still be running."""
_NO_CHUNK = -1


@dataclass(frozen=True, slots=True, order=True)
class _Delayed:
    """A chunk, or a step (_NO_CHUNK), that may go on at `due_s`."""

    due_s: float
    video: int
    lane: Lane
    chunk: int


class Dispatch:
    """What to do next, of everything that a job has to do."""

    def __init__(self, policy: Policy, *, jitter: Callable[[], float]) -> None:
        """`jitter` draws from [0, 1)."""
        self._policy = policy
        self._jitter = jitter
        self._videos: dict[int, OpenVideo] = {}
        self._wanting: dict[Step, set[int]] = {step: set() for step in STEPS}
        self._runnable: set[int] = set()
        self._suspect: set[int] = set()
        self._chunks_running: dict[tuple[int, Lane, int], MakeChunk] = {}
        self._tasks_running: set[_Slot] = set()
        self._delayed: list[_Delayed] = []
        self._failures: list[Fail] = []
        self._turn_of_oldest = True
        self._is_stopped = False
        self._is_exhausted = False

    # ---- what an engine asks ---------------------------------------------------------------------------------------

    @property
    def wants_video(self) -> bool:
        """True while another video should be pulled from the job's list and reported as Found, or NoMoreVideos."""
        return not (self._is_stopped or self._is_exhausted) and self.num_open < self._policy.max_open_videos

    @property
    def demand(self) -> int:
        """Chunks that are running or could be, back-off aside: how many workers could be busy."""
        ready = 0 if self._is_stopped else sum(video.num_ready for video in self._videos.values())
        return len(self._chunks_running) + ready

    @property
    def finished(self) -> bool:
        """True when nothing runs and nothing is left to start. Failures may remain to be taken."""
        idle = not (self._chunks_running or self._tasks_running)
        return idle and (self._is_stopped or (self._is_exhausted and not self._videos))

    @property
    def next_due_s(self) -> float | None:
        """When the first back-off is over; None when none is waited for."""
        while self._delayed and self._is_past(self._delayed[0]):
            heappop(self._delayed)
        return None if self._is_stopped or not self._delayed else self._delayed[0].due_s

    @property
    def num_open(self) -> int:
        """Videos between Found and their end."""
        return len(self._videos)

    @property
    def num_chunks_running(self) -> int:
        """Chunk attempts in flight, those of given-up videos and left lanes included."""
        return len(self._chunks_running)

    def take_failures(self) -> list[Fail]:
        """The videos given up since the last call; each is reported once."""
        failures, self._failures = self._failures, []
        return failures

    def take_tasks(self, limit: int, now_s: float) -> list[Task]:
        """Up to `limit` tasks to start now; they count as running from here on."""
        self._release_due(now_s)
        tasks: list[Task] = []
        for step in STEPS if not self._is_stopped else ():
            for number in sorted(self._wanting[step]):
                if len(tasks) >= limit or not self._has_room(step):
                    break
                if self._videos[number].steps[step].not_before_s <= now_s:
                    tasks.append(self._begin(self._videos[number], step))
        return tasks

    def take_suspects(self, num_machines: int, now_s: float) -> list[MakeChunk]:
        """Up to `num_machines` chunk attempts, each for a machine of its own; they count as running from here on."""
        self._release_due(now_s)
        chunks: list[MakeChunk] = []
        while len(chunks) < num_machines and self._suspect and not self._is_stopped:
            chunks.append(self._begin_chunk(self._videos[min(self._suspect)], alone=True))
        return chunks

    def take_chunks(self, free_slots: int, now_s: float) -> list[MakeChunk]:
        """Up to `free_slots` chunk attempts to start now in company; they count as running from here on."""
        self._release_due(now_s)
        chunks: list[MakeChunk] = []
        while len(chunks) < free_slots and self._runnable and not self._is_stopped:
            chunks.append(self._begin_chunk(self._next_video(), alone=False))
        return chunks

    # ---- what an engine reports ------------------------------------------------------------------------------------

    def handle(self, event: Event, now_s: float) -> None:
        """Take note of what happened.

        What concerns a video that has ended or a lane that was left only frees its slot.
        """
        match event:
            case Found(video=number):
                self._videos[number] = OpenVideo(number)
                self._note(self._videos[number])
            case NoMoreVideos():
                self._is_exhausted = True
            case Stop():
                self._is_stopped = True
            case ChunkMade() | ChunkErred() | ChunkLost():
                self._chunk_ended(event, now_s)
            case _:
                self._step_moved(event, now_s)

    def _step_moved(self, event: StepEvent, now_s: float) -> None:
        self._tasks_running -= _ended(event)
        video = self._videos.get(event.video)
        if video is None or (isinstance(event, ChunkReady | SplitFinished) and event.lane != video.lane):
            return
        match event:
            case Opened():
                video.opened(event)
            case ChunkReady():
                video.chunk_ready(event.chunk)
            case SplitFinished():
                self._split_finished(video, now_s)
            case SoundMade():
                video.sound_made()
            case StepFailed():
                self._step_failed(video, event, now_s)
            case Closed() | Stitched():
                del self._videos[video.number]
            case _:
                assert_never(event)
        self._note(video)

    def _split_finished(self, video: OpenVideo, now_s: float) -> None:
        forgotten = video.split_finished()
        if forgotten:
            reason = f"the split ended without storing chunks {sorted(forgotten)}"
            failure = StepFailed(
                video=video.number,
                step="split",
                lane=video.lane,
                error=ProgramFault.__name__,
                reason=reason,
                retryable=True,
            )
            self._step_failed(video, failure, now_s)

    def _step_failed(self, video: OpenVideo, event: StepFailed, now_s: float) -> None:
        if event.step == "split" and event.lane != video.lane:
            return
        state = video.steps[event.step]
        state.running = False
        if event.wants_decode_lane and video.lane == "copy":
            video.change_lane()
            return
        verdict = self._judge_step(state, event)
        if isinstance(verdict, GiveUp):
            self._fail(video, event.error, _because(event.reason, verdict))
        else:
            state.not_before_s = now_s + verdict.after_s
            heappush(
                self._delayed, _Delayed(due_s=state.not_before_s, video=video.number, lane=video.lane, chunk=_NO_CHUNK)
            )

    def _judge_step(self, state: StepState, event: StepFailed) -> Retry | GiveUp:
        if event.explained_loss:
            state.losses += 1
            return after_step_loss(state.losses)
        state.failures += 1
        return after_step_error(
            state.failures,
            retryable=event.retryable and not event.wants_decode_lane,
            max_attempts=self._policy.max_attempts,
            jitter=self._jitter(),
        )

    def _chunk_ended(self, event: ChunkEvent, now_s: float) -> None:
        if self._chunks_running.pop((event.video, event.lane, event.chunk), None) is None:
            return
        video = self._videos.get(event.video)
        if video is None or event.lane != video.lane:
            return
        if isinstance(event, ChunkMade):
            video.chunk_made(event.chunk)
        elif isinstance(event, ChunkErred) and event.wants_decode_lane and video.lane == "copy":
            video.change_lane()
        else:
            self._chunk_failed(video, event, now_s)
        self._note(video)

    def _chunk_failed(self, video: OpenVideo, event: ChunkErred | ChunkLost, now_s: float) -> None:
        tries, verdict = self._judge(video.tries.get(event.chunk, Tries()), event)
        if isinstance(verdict, GiveUp):
            error = event.error if isinstance(event, ChunkErred) else WorkerLost.__name__
            self._fail(video, error, _because(f"chunk {event.chunk}: {event.reason}", verdict))
            return
        video.delay(event.chunk, tries)
        due_s = now_s + verdict.after_s
        heappush(self._delayed, _Delayed(due_s=due_s, video=video.number, lane=video.lane, chunk=event.chunk))

    def _judge(self, tries: Tries, event: ChunkErred | ChunkLost) -> tuple[Tries, Verdict]:
        jitter = self._jitter()
        if isinstance(event, ChunkLost):
            return after_loss(tries, explained=event.explained, machine=event.machine, jitter=jitter)
        return after_chunk_error(
            tries,
            error=event.error,
            retryable=event.retryable and not event.wants_decode_lane,
            max_attempts=self._policy.max_attempts,
            jitter=jitter,
        )

    # ---- which comes next ------------------------------------------------------------------------------------------

    def _begin(self, video: OpenVideo, step: Step) -> Task:
        task = video.begin(step)
        self._tasks_running.add((video.number, step, video.lane if step == "split" else None))
        self._note(video)
        return task

    def _has_room(self, step: Step) -> bool:
        num_stitches = sum(running == "stitch" for _, running, _ in self._tasks_running)
        if step == "stitch":
            return num_stitches < self._policy.max_stitches
        if len(self._tasks_running) - num_stitches >= self._policy.max_splits:
            return False
        return step != "split" or self._num_held() < self._policy.max_ready_chunks

    def _num_held(self) -> int:
        """Chunk objects unmade, one video's counted up to half of the limit."""
        most = max(1, self._policy.max_ready_chunks // 2)
        return sum(min(video.num_held, most) for video in self._videos.values())

    def _begin_chunk(self, video: OpenVideo, *, alone: bool) -> MakeChunk:
        chunk = video.begin_chunk(alone=alone)
        self._chunks_running[chunk.video, chunk.lane, chunk.chunk] = chunk
        self._note(video)
        return chunk

    def _next_video(self) -> OpenVideo:
        oldest, self._turn_of_oldest = self._turn_of_oldest, not self._turn_of_oldest
        if oldest:
            return self._videos[min(self._runnable)]
        return min(
            (self._videos[number] for number in self._runnable), key=lambda video: (video.num_unmade, video.number)
        )

    def _release_due(self, now_s: float) -> None:
        while self._delayed and self._delayed[0].due_s <= now_s:
            delayed = heappop(self._delayed)
            if not self._is_past(delayed):
                video = self._videos[delayed.video]
                video.release(delayed.chunk)
                self._note(video)

    def _is_past(self, delayed: _Delayed) -> bool:
        video = self._videos.get(delayed.video)
        return video is None or (delayed.chunk != _NO_CHUNK and video.lane != delayed.lane)

    # ---- bookkeeping -----------------------------------------------------------------------------------------------

    def _note(self, video: OpenVideo) -> None:
        """Bring the indexes over all videos up to date with this one."""
        number, is_open = video.number, video.number in self._videos
        for step, wanting in self._wanting.items():
            _put(number, wanting, present=is_open and video.wants(step))
        _put(number, self._runnable, present=is_open and video.has_waiting)
        _put(number, self._suspect, present=is_open and video.has_suspects)

    def _fail(self, video: OpenVideo, error: str, reason: str) -> None:
        self._failures.append(Fail(video=video.number, error=error, reason=reason))
        del self._videos[video.number]


def _put(number: int, numbers: set[int], *, present: bool) -> None:
    if present:
        numbers.add(number)
    else:
        numbers.discard(number)


def _because(reason: str, verdict: GiveUp) -> str:
    return f"{reason} ({verdict.why})" if verdict.why else reason


def _ended(event: StepEvent) -> set[_Slot]:
    """The task that is no longer in flight after this event, if it was."""
    match event:
        case ChunkReady():
            return set()
        case SplitFinished():
            return {(event.video, "split", event.lane)}
        case StepFailed():
            return {(event.video, event.step, event.lane if event.step == "split" else None)}
        case Opened() | Closed():
            return {(event.video, "open", None)}
        case SoundMade():
            return {(event.video, "sound", None)}
        case Stitched():
            return {(event.video, "stitch", None)}
