"""JobProgress: what a run does now and how far it is. For displays only: nothing is decided by it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from slomo_batch.attempts import Attempt, ChunkHead, FramesMade, StepName, Succeeded
from slomo_batch.plan.stored_plan import PlannedVideo
from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.results import Published
from slomo_batch.report.events import JobPhase, VideoPhase, VideoProgress
from slomo_batch.scheduler.active_video import ActiveVideo
from slomo_batch.scheduler.calls import Call, ChunkCall
from slomo_batch.scheduler.progress import (
    Fraction,
    Frames,
    MakingRate,
    NotOpened,
    Rate,
    RunningChunks,
    StepSeconds,
    seconds_left,
)
from slomo_batch.scheduler.state_counts import Census

MAX_VIDEOS_SHOWN = 8
"""Videos in progress that a snapshot lists."""
_JOIN = {"base_s": 0.5, "s_per_unit": 1e-9, "typical": 1e10}
"""Seconds of a join before one has ended, by pixels of the output: on a busy CPU, 3.2e9 pixels took 2.2 s."""
_AUDIO = {"base_s": 1.0, "s_per_unit": 4e-3, "typical": 5000.0}
"""The same for audio, by frames of the output: 2,500 frames took 10 s."""
_PHASES: tuple[tuple[StepName, VideoPhase], ...] = (
    ("stitch", "joining"),
    ("interpolate", "making"),
    ("split", "splitting"),
    ("sound", "audio"),
    ("survey", "surveying"),
    ("open", "opening"),
)
"""What a video does, by the step that runs; the first that runs is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How far the job is, and what is to come."""

    phase: JobPhase
    frames_in_progress: int
    frames_expected: int
    fraction: float
    rate: Rate | None
    eta_s: float | None
    videos: tuple[VideoProgress, ...]


@dataclass(slots=True)
class JobProgress:
    """The frames, videos and steps of a run, from what the driver starts and what comes back."""

    not_opened: NotOpened = field(default_factory=NotOpened)
    num_faults: int = 0
    """Attempts so far that failed and may be repeated."""
    _videos: dict[int, ActiveVideo] = field(default_factory=dict)
    _published: Frames = field(default_factory=Frames)
    _chunks: RunningChunks = field(default_factory=RunningChunks)
    _steps: dict[tuple[int, StepName], float] = field(default_factory=dict)
    """When each running step began."""
    _made: Frames = field(default_factory=Frames)
    """Frames of the chunks that this run committed."""
    _making: MakingRate = field(default_factory=MakingRate)
    _fraction: Fraction = field(default_factory=Fraction)
    _joins: StepSeconds = field(default_factory=lambda: StepSeconds(**_JOIN))
    _audios: StepSeconds = field(default_factory=lambda: StepSeconds(**_AUDIO))

    # ---- what happens ------------------------------------------------------------------------------------------------

    def started(self, call: Call, video: ActiveVideo, now_s: float) -> None:
        """A call begins."""
        number = call.head.video
        self._videos[number] = video
        if isinstance(call, ChunkCall):
            chunk = call.task.chunk
            self._chunks.begin(call.head, num_frames=chunk.end_frame - chunk.first_frame)
        else:
            self._steps[number, call.head.step] = now_s

    def opened(self, video: ActiveVideo, planned: PlannedVideo) -> None:
        """A video is planned; its plan is set in `video` only after this call."""
        if video.stored is None:
            plan = planned.stored.plan
            frames = Frames(plan.grid.num_frames, plan.grid.num_frames * _frame_pixels(planned))
            self.not_opened.opened(plan.request.source.size_bytes, frames)

    def reported(self, head: ChunkHead, made: FramesMade, now_s: float) -> None:
        """An attempt reports how many frames it has made."""
        video = self._videos.get(head.video)
        new = self._chunks.report(head, made.num_frames)
        if video is not None:
            self._making.add(_frames_of(video, new), now_s)

    def ended(self, attempt: Attempt, now_s: float) -> int:
        """An attempt has ended. Returns the number of frames that are taken back, since it failed."""
        head = attempt.head
        video = self._videos.get(head.video)
        reported = self._chunks.end(head) if isinstance(head, ChunkHead) else 0
        self._steps.pop((head.video, head.step), None)
        if not isinstance(attempt, Succeeded):
            self.num_faults += attempt.retryable
            return reported
        if video is not None and isinstance(attempt.result, ChunkDone) and not attempt.was_found:
            self._making.add(_frames_of(video, attempt.result.num_frames - reported), now_s)
            self._made += _frames_of(video, attempt.result.num_frames)
        elif video is not None and video.stored is not None and head.step in {"stitch", "sound"}:
            self._step_took(head.step, video, attempt.stats.took_s)
        if isinstance(attempt.result, Published) and video is not None:
            self._published += _all_frames(video)
            self._forget(head.video)
        return 0

    def _step_took(self, step: StepName, video: ActiveVideo, took_s: float) -> None:
        frames = _all_frames(video)
        if step == "stitch":
            self._joins.took(frames.pixels, took_s)
        else:
            self._audios.took(frames.number, took_s)

    def failed(self, number: int, video: ActiveVideo) -> None:
        """A video is given up."""
        if video.stored is None:
            self.not_opened.ended(video.pending.request.source.size_bytes)
        self._forget(number)
        self._fraction.explain()

    def dropped(self, number: int) -> int:
        """What runs for a video does not count any more. Returns the number of frames that are taken back."""
        return self._chunks.drop(number)

    def busy(self, workers: int, demand: int, now_s: float) -> None:
        """So many workers are up, and so many chunks run or could. While none could, the last number holds."""
        if demand or not workers:
            self._making.busy(min(workers, demand), now_s)

    def explain(self) -> None:
        """A line says why the fraction falls."""
        self._fraction.explain()

    def _forget(self, number: int) -> None:
        self._videos.pop(number, None)
        self._chunks.drop(number)
        self._steps = {key: began_s for key, began_s in self._steps.items() if key[0] != number}

    # ---- how far it is -----------------------------------------------------------------------------------------------

    def outlook(self, census: Census, *, workers: int, is_stopping: bool, now_s: float) -> Outlook:
        """What is made, and what is to come."""
        made = self._chunks.made_by_video()
        done, expected = self._done_of_expected(made)
        rate = self._making.rate(now_s)
        return Outlook(
            phase=self._phase(census, workers=workers, is_stopping=is_stopping, has_begun=done.number > 0),
            frames_in_progress=sum(made.values()),
            frames_expected=expected.number,
            fraction=self._fraction.of(done.number, expected.number),
            rate=rate,
            eta_s=self._seconds_left(expected - done, rate, is_stopping=is_stopping, now_s=now_s),
            videos=tuple(self._shown(made)),
        )

    def _done_of_expected(self, made: dict[int, int]) -> tuple[Frames, Frames]:
        """The frames that are made, with those that attempts in flight have `made`, and all that are expected."""
        done_frames = done_pixels = all_frames = all_pixels = 0
        for number, video in self._videos.items():  # thousands of videos, every second: plain numbers are fast
            if video.stored is None:
                continue
            plan = video.stored.plan
            frame_pixels, num_done = plan.facts.width * plan.facts.height, video.frames_done + made.get(number, 0)
            done_frames += num_done
            done_pixels += num_done * frame_pixels
            all_frames += plan.grid.num_frames
            all_pixels += plan.grid.num_frames * frame_pixels
        done = self._published + Frames(done_frames, done_pixels)
        return done, self._published + Frames(all_frames, all_pixels) + self.not_opened.frames

    def hours_left(self, run_hours: float) -> float | None:
        """The machine hours of the rest, if this run took so many for what it made; None if that is not known."""
        if not self._made.pixels or not self.not_opened.is_known:
            return None
        done, expected = self._done_of_expected({})
        return run_hours * max(0.0, (expected - done).pixels) / self._made.pixels

    def _seconds_left(self, left: Frames, rate: Rate | None, *, is_stopping: bool, now_s: float) -> float | None:
        if not self._videos or not self.not_opened.is_known:
            return None
        joining = [self._step_left(number, step, began_s, now_s) for (number, step), began_s in self._steps.items()]
        if is_stopping:
            running = self._chunks.left_by_video()
            ending = sum((_frames_of(self._videos[number], num) for number, num in running.items()), Frames())
            return seconds_left(ending, rate, to_join=0.0, joining=joining)
        return seconds_left(left, rate, to_join=self._longest_join(), joining=joining)

    def _longest_join(self) -> float:
        """Seconds that the longest join to come takes: that of the largest video, since larger ones never take less."""
        to_come = (
            _all_pixels(video) for number, video in self._videos.items() if (number, "stitch") not in self._steps
        )
        largest = max(to_come, default=None)
        return 0.0 if largest is None else self._joins.expected(largest)

    def _step_left(self, number: int, step: StepName, began_s: float, now_s: float) -> float:
        frames, took_s = _all_frames(self._videos[number]), now_s - began_s
        match step:
            case "stitch":
                return self._joins.expected(frames.pixels) - took_s
            case "sound":
                return self._audios.expected(frames.number) - took_s
            case _:
                return 0.0

    def _phase(self, census: Census, *, workers: int, is_stopping: bool, has_begun: bool) -> JobPhase:
        running = {step for _, step in self._steps}
        if is_stopping:
            return "stopping"
        if census.chunks_running:
            return "making" if has_begun else "starting"
        if census.chunks_ready and not workers:
            return "waiting for workers"
        for step, phase in _PHASES:
            if step in running and phase != "waiting":
                return phase
        return "making" if has_begun else "starting"

    def _shown(self, made: dict[int, int]) -> Iterator[VideoProgress]:
        """The videos in progress, those first at which something is done."""
        busy = {*made, *(number for number, _ in self._steps)} & self._videos.keys()
        idle = (number for number in self._videos if number not in busy)
        for number in islice(chain(sorted(busy), idle), MAX_VIDEOS_SHOWN):
            video = self._videos[number]
            yield VideoProgress(
                uri=video.uri,
                phase=self._phase_of(number, made),
                frames_done=video.frames_done + made.get(number, 0),
                frames_total=_all_frames(video).number,
            )

    def _phase_of(self, number: int, made: dict[int, int]) -> VideoPhase:
        for step, phase in _PHASES:
            if (number, step) in self._steps or (step == "interpolate" and number in made):
                return phase
        return "waiting"


def _frame_pixels(planned: PlannedVideo) -> int:
    facts = planned.stored.plan.facts
    return facts.width * facts.height


def _frames_of(video: ActiveVideo, number: int) -> Frames:
    """So many output frames of a video; none before it is planned."""
    if video.stored is None:
        return Frames()
    facts = video.stored.plan.facts
    return Frames(number, number * facts.width * facts.height)


def _all_pixels(video: ActiveVideo) -> int:
    if video.stored is None:
        return 0
    facts, grid = video.stored.plan.facts, video.stored.plan.grid
    return grid.num_frames * facts.width * facts.height


def _all_frames(video: ActiveVideo) -> Frames:
    return _frames_of(video, video.stored.plan.grid.num_frames if video.stored else 0)
