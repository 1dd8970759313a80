"""Progress: how many frames of a job are made, how fast, and how long the rest takes. Pure: callers pass the time.

A frame counts when its chunk is committed, and before that as soon as the attempt reports it. An attempt that is lost
or fails takes its frames back. Frames of different sizes take different times, so rates and remaining work are measured
in pixels. Videos that are not opened yet count with an estimate: as many pixels for each byte as those opened so far.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp

from slomo_batch.attempts import ChunkHead
from slomo_batch.records.source_facts import Lane

MIN_WINDOW_S, MAX_WINDOW_S = 60.0, 300.0
"""The rate is that of the later half of the time since the first frame, within these limits."""
WARM_UP_S = 30.0
"""The first frames of a process take long: code is loaded and memory taken. If a pause in so many seconds after the
first frame is twice as long as all before, the rate is measured from its end on."""
SETTLING_S = 5.0
"""Seconds of measurement before which there is no rate."""
WORKERS_S = 30.0
"""The rate follows a change of the number of workers within about so many seconds: some are lost and soon replaced."""
SILENCE_S = 5.0
"""Frames come in bursts. Seconds without frames, or twice the longest pause so far, after which the rate falls."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Some frames and their pixels."""

    number: int = 0
    pixels: float = 0.0

    def __add__(self, other: "Frames") -> "Frames":
        return Frames(self.number + other.number, self.pixels + other.pixels)

    def __sub__(self, other: "Frames") -> "Frames":
        return Frames(self.number - other.number, self.pixels - other.pixels)


_ChunkKey = tuple[int, Lane, int]
"""Video, lane and chunk."""


@dataclass(slots=True)
class _Running:
    num_frames: int
    """Frames of the chunk."""
    made: int = 0


class RunningChunks:
    """The frames that are made so far of chunks in flight. Reports on other chunks do nothing. Of two attempts at the
    same chunk the one counts that is ahead."""

    def __init__(self) -> None:
        self._chunks: dict[_ChunkKey, _Running] = {}

    def begin(self, head: ChunkHead, *, num_frames: int) -> None:
        """Begin to make a chunk of so many frames."""
        self._chunks[_key_of(head)] = _Running(num_frames)

    def report(self, head: ChunkHead, made: int) -> int:
        """Record that so many of its frames are made. Returns how many are new; reports may be late or lost."""
        running = self._chunks.get(_key_of(head))
        if running is None:
            return 0
        new = max(0, min(made, running.num_frames) - running.made)
        running.made += new
        return new

    def end(self, head: ChunkHead) -> int:
        """The chunk is made, or failed. Returns its frames that were reported, which no longer count here."""
        return self._end(_key_of(head))

    def _end(self, chunk: _ChunkKey) -> int:
        running = self._chunks.pop(chunk, None)
        return running.made if running else 0

    def drop(self, video: int) -> int:
        """End all chunks of a video. Returns their frames that were reported."""
        dropped = [chunk for chunk in self._chunks if chunk[0] == video]
        return sum(self._end(chunk) for chunk in dropped)

    def made_by_video(self) -> dict[int, int]:
        """Frames made so far, by the number of the video."""
        made: dict[int, int] = {}
        for (video, _, _), running in self._chunks.items():
            made[video] = made.get(video, 0) + running.made
        return made

    def left_by_video(self) -> dict[int, int]:
        """Frames of these chunks that are not made yet, by the number of the video."""
        left: dict[int, int] = {}
        for (video, _, _), running in self._chunks.items():
            left[video] = left.get(video, 0) + running.num_frames - running.made
        return left


def _key_of(head: ChunkHead) -> _ChunkKey:
    return head.video, head.lane, head.chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast frames are made."""

    frames_per_s: float
    pixels_per_s: float
    silence_s: float
    """Seconds since the latest frames, in which more were made that are not reported yet."""


@dataclass(frozen=True, slots=True)
class _RateSample:
    at_s: float
    total: Frames
    worker_s: float
    """Seconds that workers were busy until then, over all of them."""


class MakingRate:
    """How fast this run makes frames, since its first ones: the start is not counted.

    It is measured per busy worker, so that the rate is right as soon as workers come or go. It never counts backwards,
    since frames that are taken back took time too.
    """

    def __init__(self) -> None:
        self._total = Frames()
        self._samples: deque[_RateSample] = deque()
        self._busy = 1
        self._smoothed = 1.0
        """`_busy`, smoothed over `WORKERS_S`."""
        self._worker_s = self._counted_s = self._first_s = 0.0
        self._latest = _RateSample(0.0, Frames(), 0.0)
        self._longest_pause_s = 0.0

    def busy(self, workers: int, now_s: float) -> None:
        """Record that so many workers are busy from now on."""
        self._count_workers(now_s)
        self._busy = workers

    def _count_workers(self, now_s: float) -> None:
        elapsed_s = now_s - self._counted_s
        self._worker_s += self._busy * elapsed_s
        self._smoothed += (self._busy - self._smoothed) * (1 - exp(-elapsed_s / WORKERS_S))
        self._counted_s = now_s

    def add(self, frames: Frames, now_s: float) -> None:
        """Record that these frames were made between the previous call and now."""
        if frames.number <= 0:
            return
        self._count_workers(now_s)
        self._total += frames
        if self._samples:
            self._end_pause(now_s)
        else:
            self._first_s, self._smoothed = now_s, float(self._busy)
        self._latest = _RateSample(now_s, self._total, self._worker_s)
        if not self._samples or now_s - self._samples[-1].at_s >= 1.0:
            self._samples.append(self._latest)

    def _end_pause(self, now_s: float) -> None:
        pause_s = now_s - self._latest.at_s
        if pause_s > 2 * self._longest_pause_s and now_s - self._first_s <= WARM_UP_S:
            self._samples.clear()
        self._longest_pause_s = max(self._longest_pause_s, pause_s)

    def rate(self, now_s: float) -> Rate | None:
        """The rate now; None if there are too few frames yet, or no worker is busy."""
        if not self._samples or now_s - self._samples[0].at_s < SETTLING_S:
            return None
        self._count_workers(now_s)
        silence_s = now_s - self._latest.at_s
        is_paused = silence_s > max(SILENCE_S, 2 * self._longest_pause_s)
        until = _RateSample(now_s, self._total, self._worker_s) if is_paused else self._latest
        since = self._sample_before(until.at_s)
        made, worker_s = self._total - since.total, until.worker_s - since.worker_s
        if made.number <= 0 or worker_s <= 0 or not self._busy:
            return None
        return Rate(
            frames_per_s=self._smoothed * made.number / worker_s,
            pixels_per_s=self._smoothed * made.pixels / worker_s,
            silence_s=0.0 if is_paused else silence_s,
        )

    def _sample_before(self, until_s: float) -> _RateSample:
        """The sample at which the window begins that ends then."""
        window_s = min(MAX_WINDOW_S, max(MIN_WINDOW_S, (until_s - self._first_s) / 2))
        while len(self._samples) > 1 and self._samples[1].at_s <= until_s - window_s:
            self._samples.popleft()
        return self._samples[0]


class StepSeconds:
    """How long a step of a video takes: a straight line over its size, fitted to the steps of this run.

    Two points of the line are given, so that a few small videos do not decide about a large one.
    """

    def __init__(self, *, base_s: float, s_per_unit: float, typical: float) -> None:
        """What holds before a step has ended: so many seconds, and more for each unit of size. `typical`: the size of
        a usual video, in the same unit."""
        self._sizes, self._seconds, self._squares, self._products = 0.0, 0.0, 0.0, 0.0
        self._number = 0
        for size in (0.0, typical):
            self.took(size, base_s + s_per_unit * size)

    def took(self, size: float, seconds: float) -> None:
        """Record a step that has ended."""
        self._number += 1
        self._sizes += size
        self._seconds += seconds
        self._squares += size * size
        self._products += size * seconds

    def expected(self, size: float) -> float:
        """Seconds that this step of a video of such a size takes."""
        mean, mean_s = self._sizes / self._number, self._seconds / self._number
        variance = self._squares / self._number - mean * mean
        slope = max(0.0, self._products / self._number - mean * mean_s) / variance
        return max(0.0, mean_s + slope * (size - mean))


@dataclass(slots=True)
class NotOpened:
    """The videos that are not opened yet, and an estimate of their frames from those that are."""

    num_bytes: int = 0
    """Of their sources."""
    _opened_bytes: int = 0
    _opened: Frames = field(default_factory=Frames)

    def opened(self, num_bytes: int, frames: Frames) -> None:
        """Record a video that is opened: its source has so many bytes, its output so many frames."""
        self.ended(num_bytes)
        self._opened_bytes += num_bytes
        self._opened += frames

    def ended(self, num_bytes: int) -> None:
        """Record a video that failed before it was opened."""
        self.num_bytes = max(0, self.num_bytes - num_bytes)

    @property
    def is_known(self) -> bool:
        """Whether there is an estimate, or nothing to estimate."""
        return not self.num_bytes or bool(self._opened_bytes)

    @property
    def frames(self) -> Frames:
        """The estimate; no frames while no video is opened."""
        if not self._opened_bytes:
            return Frames()
        share = self.num_bytes / self._opened_bytes
        return Frames(round(self._opened.number * share), self._opened.pixels * share)


class Fraction:
    """The fraction of a job that is shown. It falls only after `explain`, when a line has said why."""

    def __init__(self) -> None:
        self._shown = 0.0

    def explain(self) -> None:
        """Let the fraction fall to its true value; the caller shows a line that says why."""
        self._shown = 0.0

    def of(self, done: int, expected: int) -> float:
        """The fraction to show, 0 to 1."""
        self._shown = max(self._shown, min(1.0, done / expected) if expected > 0 else 0.0)
        return self._shown


def seconds_left(making: Frames, rate: Rate | None, *, to_join: float, joining: Iterable[float]) -> float | None:
    """Seconds until a job ends, at least 1; None while that is not known.

    Args:
        making: frames to make.
        rate: how fast frames are made.
        to_join: seconds that the longest join of a video with frames to make takes.
        joining: seconds that each step in progress still takes.
    """
    at_least_s = max([1.0, *joining])
    if making.number <= 0:
        return at_least_s
    if rate is None:
        return None
    making_s = max(0.0, making.pixels / rate.pixels_per_s - rate.silence_s)
    return max(at_least_s, making_s + to_join)
