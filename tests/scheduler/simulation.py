"""A simulated engine: run the tasks of Dispatch in a random order, with faults, and check its guarantees."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.limits import Limits
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
    Split,
    Stitch,
    Stop,
    Task,
    VideoFound,
)
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.retry import MAX_BACKOFF_S
from tests.attempts import chunk_error, chunk_lost, chunk_made, step_done, step_error
from tests.scheduler.simulated_videos import Faults, Video

IDLE_STEP_S = 1.0
BUSY = ("StorageBusy", "slow down")
MISSING = ("FrameMissing", "not all frames came")
UNREADABLE = ("SourceUnreadable", "not a video")
DAMAGED = ("WorkDamaged", "damaged")
MISMATCH = ("BorderMismatch", "neighbors differ")


@dataclass(kw_only=True)
class Simulation:
    """The engine and the store, with checks of what Dispatch does."""

    videos: list[Video]
    limits: Limits
    num_workers: int
    num_cpus: int
    num_machines: int = 1
    slots: int = 1
    """Chunks that a worker holds at a time."""
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    stop_after: int = 10**9
    """Events after which the job is stopped."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.dispatch = Dispatch(self.limits, jitter=self.random.random)
        self.now_s = 0.0
        self.idle_s = 0.0
        """When the wait for a back-off began, with nothing running."""
        self.num_events = 0
        self.next_video = 0
        self.stopped = False
        self.chunks: list[MakeChunk] = []
        """Chunks that a worker holds."""
        self.where: dict[tuple[int, Lane, int], int] = {}
        """The worker of each of them."""
        self.kept: list[MakeChunk] = []
        """Isolated chunks waiting for their machine."""
        self.placement: Placement[int, MakeChunk] = Placement(slots=self.slots)
        for worker in range(self.num_workers):
            self.placement.up(worker, self._machine(worker))
        self.tasks: list[Task] = []
        self.stored: set[tuple[int, Lane, int]] = set()
        self.made: Counter[tuple[int, Lane, int]] = Counter()
        self.faults_had: Counter[object] = Counter()
        self.deaths: Counter[tuple[int, Lane, int]] = Counter()
        self.known: set[int] = set()
        """Videos that were opened at least once."""
        self.opened: set[int] = set()
        """Videos whose finished chunks Dispatch knows."""
        self.surveyed: set[int] = set()
        self.audio_stored: set[int] = set()
        self.audio_made: set[int] = set()
        self.changed: set[int] = set()
        """Videos that went on from the copy lane to the decode lane."""
        self.outcomes: dict[int, str] = {}
        self.reasons: dict[int, str] = {}
        self.order: list[int] = []
        """Videos in the order in which their outputs appeared."""
        self.chunks_before_first_output = 0

    # ---- the loop --------------------------------------------------------------------------------------------------

    def run(self, max_rounds: int = 200_000) -> "Simulation":
        """Run until Dispatch is finished."""
        for _ in range(max_rounds):
            if self.dispatch.finished:
                self._take_failures()
                self._check_end()
                return self
            self._take_failures()
            self._pull()
            self._start()
            self._let_something_happen()
        raise AssertionError(f"no end after {max_rounds} rounds")

    def _pull(self) -> None:
        while self.dispatch.wants_video:
            if self.next_video == len(self.videos):
                self._tell(NoMoreVideos())
                return
            self._tell(VideoFound(video=self.next_video))
            self.next_video += 1
        assert self.dispatch.num_open <= self.limits.max_open_videos

    def _start(self) -> None:
        room = self.num_cpus - len(self.tasks)
        tasks = self.dispatch.take_tasks(room, self.now_s)
        assert len(tasks) <= room
        for task in tasks:
            self._check_task(task)
            self.tasks.append(task)
        isolated = self.dispatch.take_isolated(self.placement.isolated_room, self.now_s)
        for chunk in isolated:
            assert chunk.isolated
            self.kept.append(chunk)
            self.placement.reserve(chunk, avoid=chunk.avoid)
        chunks = self.dispatch.take_chunks(self.placement.room_for(self.dispatch.num_ready), self.now_s)
        for chunk in chunks:
            assert not chunk.isolated
            self._hold(chunk, self.placement.take())
        not_joins = [task for task in tasks if not isinstance(task, Stitch)]
        assert not (self.stopped and (not_joins or isolated or chunks)), "something but a join started after Stop"
        for chunk, worker in self.placement.cleared():
            self.kept.remove(chunk)
            self._hold(chunk, worker)
        assert self.dispatch.demand >= len(self.chunks) + len(self.kept)

    def _hold(self, chunk: MakeChunk, worker: int) -> None:
        self._check_chunk(chunk, worker)
        self.chunks.append(chunk)
        self.where[chunk.video, chunk.lane, chunk.chunk] = worker

    def _machine(self, worker: int) -> str:
        return f"machine {worker % self.num_machines}"

    def _let_something_happen(self) -> None:
        happenings = len(self.chunks) + len(self.tasks)
        if not happenings:
            assert not self.kept, "an isolated chunk waits although all machines are quiet"
            if self.dispatch.finished:
                return
            self.idle_s += IDLE_STEP_S
            assert self.idle_s <= MAX_BACKOFF_S + IDLE_STEP_S, "deadlock: nothing runs, and no back-off is over"
            self.now_s += IDLE_STEP_S
            return
        self.idle_s = 0.0
        self.now_s += self.random.random()
        place = self.random.randrange(happenings)
        if place < len(self.chunks):
            self._end_chunk(self.chunks[place])
        else:
            self._move_task(place - len(self.chunks))
        if self.num_events >= self.stop_after and not self.stopped:
            self.stopped = True
            self._tell(Stop())

    def _tell(self, event: Event) -> None:
        self.num_events += 1
        self.dispatch.handle(event, self.now_s)

    # ---- running tasks ---------------------------------------------------------------------------------------------

    def _end_chunk(self, run: MakeChunk) -> None:
        video, key = self.videos[run.video], (run.video, run.lane, run.chunk)
        place: dict[str, Any] = {"video": run.video, "lane": run.lane}
        if run.chunk in video.poison:
            self._die(self.where[key])
            return
        self.chunks.remove(run)
        self.placement.freed(self.where.pop(key))
        if run.chunk in video.undecodable and (run.lane == "copy" or video.hopeless):
            self.changed.add(run.video)
            self._tell(chunk_error(run.chunk, *MISSING, **place))
        elif self._strikes(("loss", key), self.faults.preemption):
            self._tell(chunk_lost(run.chunk, "preempted", explained=True, **place))
        elif self._strikes(("error", key), self.faults.damage):
            self.stored.discard(key)
            self._tell(chunk_error(run.chunk, *DAMAGED, **place))
        elif self._strikes(("error", key), self.faults.error):
            self._tell(chunk_error(run.chunk, *BUSY, **place))
        else:
            self.made[key] += 1
            self.chunks_before_first_output += not self.order
            self._tell(chunk_made(run.chunk, **place))

    def _die(self, worker: int) -> None:
        """Kill the process of a worker with all it holds; another one replaces it."""
        self.placement.gone(worker)
        self.placement.up(worker, self._machine(worker))
        for run in [run for run in self.chunks if self.where[run.video, run.lane, run.chunk] == worker]:
            key = (run.video, run.lane, run.chunk)
            self.chunks.remove(run)
            del self.where[key]
            self.deaths[key] += 1
            self._tell(
                chunk_lost(
                    run.chunk,
                    "the process died",
                    explained=False,
                    video=run.video,
                    lane=run.lane,
                    machine=self._machine(worker),
                )
            )

    def _move_task(self, place: int) -> None:
        task = self.tasks[place]
        if isinstance(task, Split):
            left = sorted(number for number in task.wanted if (task.video, task.lane, number) not in self.stored)
            if left:
                self.stored.add((task.video, task.lane, left[0]))
                self._tell(ChunkReady(video=task.video, lane=task.lane, chunk=left[0]))
                return
        self.tasks.pop(place)
        lane = task.lane if isinstance(task, Split | Stitch) else None
        strike = ("step", task.step, task.video, lane)
        if isinstance(task, Split | MakeAudio | Stitch) and self._strikes(strike, self.faults.damage):
            self._lose_input(task)
            self._tell(step_error(task.step, *DAMAGED, video=task.video, lane=lane))
        elif self._strikes(strike, self.faults.error):
            self._tell(step_error(task.step, *BUSY, video=task.video, lane=lane))
        else:
            self._end_task(task)

    def _end_task(self, task: Task) -> None:
        video = self.videos[task.video]
        match task:
            case Open():
                self._open(task.video, video)
            case MakeSurvey():
                self.surveyed.add(task.video)
                self._tell(step_done("survey", video=task.video))
            case Split():
                if task.audio:
                    self.audio_stored.add(task.video)
                self._tell(step_done("split", video=task.video, lane=task.lane))
            case MakeAudio():
                self.audio_made.add(task.video)
                self._tell(step_done("sound", video=task.video))
            case Stitch():
                self._stitch(task, video)

    def _lose_input(self, task: Split | MakeAudio | Stitch) -> None:
        """Damage the survey or the index; the audio packets; or, before a stitch, the audio or the segments of some
        chunks."""
        if isinstance(task, MakeAudio):
            self.audio_stored.discard(task.video)
            return
        if isinstance(task, Split):
            self.surveyed.discard(task.video)
            return
        self.opened.discard(task.video)
        made = set(range(self.videos[task.video].num_chunks)) - self.videos[task.video].done
        for chunk in sorted(made):
            if self.random.random() < 0.3:
                del self.made[task.video, task.lane, chunk]
                if self.random.random() < 0.5:
                    self.stored.discard((task.video, task.lane, chunk))
        if self.random.random() < 0.5:
            self.audio_made.discard(task.video)
            self.audio_stored.discard(task.video)

    def _open(self, number: int, video: Video) -> None:
        if video.unreadable:
            self._tell(step_error("open", *UNREADABLE, video=number))
        elif video.needs_survey and number not in self.surveyed:
            self._tell(NeedsSurvey(video=number))
        else:
            if number not in self.known:
                self.known.add(number)
                self.stored |= {(number, video.lane, chunk) for chunk in video.ready}
                self.made.update((number, video.lane, chunk) for chunk in video.done)
            self.opened.add(number)
            lane = self._lane(number)
            chunks = range(video.num_chunks)
            self._tell(
                Opened(
                    video=number,
                    existing=ExistingWork(
                        num_chunks=video.num_chunks,
                        lane=lane,
                        done=frozenset(chunk for chunk in chunks if (number, lane, chunk) in self.made),
                        ready=frozenset(chunk for chunk in chunks if (number, lane, chunk) in self.stored),
                        needs_audio=video.audio and number not in self.audio_made,
                    ),
                )
            )

    def _stitch(self, task: Stitch, video: Video) -> None:
        if video.mismatch and (task.lane == "copy" or video.hopeless):
            self.changed.add(task.video)
            self._tell(step_error("stitch", *MISMATCH, video=task.video, lane=task.lane))
            return
        assert task.video not in self.outcomes, "a video ended twice"
        self.outcomes[task.video] = "stitched"
        self.order.append(task.video)
        self._tell(step_done("stitch", video=task.video, lane=task.lane))

    def _strikes(self, key: object, probability: float) -> bool:
        if self.faults_had[key] >= self.faults.most or self.random.random() >= probability:
            return False
        self.faults_had[key] += 1
        return True

    def _take_failures(self) -> None:
        for failure in self.dispatch.take_failures():
            assert failure.video not in self.outcomes, "a video ended twice"
            self.outcomes[failure.video] = failure.error
            self.reasons[failure.video] = failure.reason

    # ---- checks ----------------------------------------------------------------------------------------------------

    def _check_task(self, task: Task) -> None:
        assert task.video not in self.outcomes, f"{task} for a video that has ended"
        same = [other for other in self.tasks if other.video == task.video and other.step == task.step]
        assert all(isinstance(other, Split) and isinstance(task, Split) and other.lane != task.lane for other in same)
        stitches = sum(isinstance(other, Stitch) for other in (*self.tasks, task))
        assert stitches <= self.limits.max_stitches
        assert len(self.tasks) + 1 - stitches <= self.limits.max_splits
        if isinstance(task, Open | MakeSurvey):
            # What still runs in a lane that the video left is ignored, splits and chunks alike.
            lane = self._lane(task.video)
            of_video = [other for other in self.tasks if other.video == task.video]
            assert all(isinstance(other, Split) and other.lane != lane for other in of_video), "a task of it runs"
            assert not [run for run in self.chunks if run.video == task.video and run.lane == lane]
        if isinstance(task, MakeSurvey):
            assert task.video not in self.surveyed, "surveyed twice"
        if isinstance(task, Split):
            self._check_split(task)
        if isinstance(task, MakeAudio):
            assert task.video in self.audio_stored
            assert task.video not in self.audio_made
        if isinstance(task, Stitch):
            chunks = range(self.videos[task.video].num_chunks)
            assert all((task.video, task.lane, chunk) in self.made for chunk in chunks), "stitched too early"
            assert not self.videos[task.video].audio or task.video in self.audio_made

    def _lane(self, number: int) -> Lane:
        return "decode" if number in self.changed else self.videos[number].lane

    def _check_split(self, task: Split) -> None:
        everything = {(task.video, task.lane, chunk) for chunk in range(self.videos[task.video].num_chunks)}
        existing = self.stored | set(self.made)
        assert {(task.video, task.lane, chunk) for chunk in task.wanted} == everything - existing, "split in vain"
        ready = Counter(video for video, lane, chunk in self._ready())
        most = max(1, self.limits.max_ready_chunks // 2)
        held = sum(min(number, most) for number in ready.values())
        assert held < self.limits.max_ready_chunks, "a split ran too far ahead"

    def _ready(self) -> Iterator[tuple[int, Lane, int]]:
        """Chunk objects that exist, are needed and have no finished chunk yet."""
        running = {(run.video, run.lane, run.chunk) for run in (*self.chunks, *self.kept)}
        for video, lane, chunk in self.stored - running - set(self.made):
            if video not in self.outcomes and video in self.opened and (lane == "decode" or video not in self.changed):
                yield video, lane, chunk

    def _check_chunk(self, run: MakeChunk, worker: int) -> None:
        key, machine = (run.video, run.lane, run.chunk), self._machine(worker)
        assert run.isolated or run.video not in self.outcomes, f"{run} for a video that has ended"
        assert key in self.stored, "a chunk was started before its object existed"
        assert key not in self.made, "a chunk was made twice"
        assert all((other.video, other.lane, other.chunk) != key for other in self.chunks), "a chunk runs twice"
        held = [self.where[other.video, other.lane, other.chunk] for other in self.chunks]
        beside = [other for other, where in zip(self.chunks, held, strict=True) if self._machine(where) == machine]
        assert held.count(worker) < self.slots, "a worker holds more than it can"
        assert not (run.isolated and beside), "an isolated chunk has company"
        assert not any(other.isolated for other in beside), "an isolated chunk got company"

    def _check_end(self) -> None:
        assert not self.chunks
        assert not self.kept
        assert not self.tasks
        assert set(self.made.values()) <= {1}
        if not self.stopped:
            assert self.dispatch.demand == 0
            assert set(self.outcomes) == set(range(len(self.videos))), "a video was forgotten"
