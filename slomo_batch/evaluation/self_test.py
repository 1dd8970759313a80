"""A self-test: leave out frames of sampled seconds of an archive, and compare what the job's method makes of them."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from threading import Lock
from time import monotonic

from slomo_batch.errors import SourceUnsupported, StorageError, VideoError
from slomo_batch.evaluation.collector import FrameCollector
from slomo_batch.evaluation.comparison import Comparison
from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb, eval_pairs, select_frames
from slomo_batch.evaluation.evaluate import check_size, pair_kind, report_of
from slomo_batch.evaluation.methods import MethodChoice, OpenMethod
from slomo_batch.evaluation.report import ClipProtocol, FrameScore, Report, Score
from slomo_batch.evaluation.sampling import LeftOut, OpenReader, SampledSecond, Sampling, left_out_for
from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind
from slomo_batch.interpolators.registry import find_method, method_names
from slomo_batch.media.excerpts import open_excerpts
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.records.requests import VideoRequest
from slomo_batch.report.units import clock
from slomo_batch.settings import Precision
from slomo_batch.storage.s3_options import S3Options

OWN = "this job"
"""The label of what the job makes with its settings."""
FRAMES_PER_SECOND = 4
"""Frames that are predicted of each second, evenly spread over it."""
MAX_WIDTH = 960
"""Wider pictures are scaled down to this, so that a self-test takes seconds."""
FACTOR = 2
_MOST_PICTURES = 65
"""Pictures that are read of a second at most."""
_BESIDE = 5
"""Pictures that are read beyond the second: the ladder protocol leaves out the first and the last pair."""
_MOST_AT_ONCE = 8
"""Seconds that are measured at the same time, at most."""

OnAdvance = Callable[[int, int, float | None], None]
"""Called with the frames that are measured, of how many, and the seconds that the others take; None: not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSecond:
    """A second, and the score of each method on it."""

    second: SampledSecond
    name: str
    scores: tuple[Score, ...]

    def score(self, label: str) -> Score:
        """The score of the method with this label."""
        return next(score for score in self.scores if score.entry.label == label)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """The result of a self-test."""

    job: str
    num_videos: int
    """Of the job."""
    num_wanted: int
    """Seconds that were asked for."""
    measured: tuple[MeasuredSecond, ...]
    left_out: tuple[LeftOut, ...]
    report: Report
    """The scores of all methods on all seconds."""


# ---- methods ---------------------------------------------------------------------------------------------------------


class SelfTestMethods:
    """The methods of a self-test: what the job makes of each video, and the others to compare with."""

    def __init__(self, requests: Sequence[VideoRequest], pin: JobPin, s3: S3Options) -> None:
        """Open them for these videos.

        Raises:
            WeightsError: the weights of one cannot be fetched or used.
            ManifestError: one cannot be used.
        """
        own = {request.source.uri: own_choice(request, pin) for request in requests}
        precision = {request.source.uri: _precision(request, pin) for request in requests}
        opened: dict[tuple[MethodChoice, Precision], OpenMethod] = {}

        def method(choice: MethodChoice, precision: Precision) -> OpenMethod:
            if (choice, precision) not in opened:
                opened[choice, precision] = OpenMethod(choice, precision=precision, threads=pin.threads, s3=s3)
            return opened[choice, precision]

        choices = other_choices(list(own.values()))
        self._of_video = {
            uri: [*(method(one, precision[uri]) for one in choices), method(choice, precision[uri])]
            for uri, choice in own.items()
        }
        self.labels = [method.entry.label for method in next(iter(self._of_video.values()))]
        """Of the methods in order, that of the job last."""

    def of(self, request: VideoRequest) -> Sequence[OpenMethod]:
        """The methods to compare on a video, the job's last."""
        return self._of_video[request.source.uri]


def own_choice(request: VideoRequest, pin: JobPin) -> MethodChoice:
    """What the job does with a video."""
    interpolate, weights = request.settings.interpolate, pin.weights_of(request.settings.interpolate)
    return MethodChoice(
        method=interpolate.method,
        weights=weights.name if weights else "",
        flow_scale=None if interpolate.flow_scale == "auto" else interpolate.flow_scale,
        doubt=interpolate.doubt,
        label=OWN,
    )


def other_choices(own: Sequence[MethodChoice]) -> list[MethodChoice]:
    """The methods to compare with, the simplest first: all that there are, and those of the job that blend in doubt."""
    weights = {choice.method: choice.weights for choice in own}
    several = len({choice.weights for choice in own if choice.weights}) > 1
    choices = [
        MethodChoice(
            method=name,
            weights=weights.get(name, "compact") if find_method(name).method.weights else "",
            label=name,
        )
        for name in method_names()
    ]
    choices += [
        replace(choice, doubt="blend", label=f"{choice.weights if several else choice.method}, doubt: blend")
        for choice in own
        if find_method(choice.method).method.has_evidence
    ]
    distinct = {(one.method, one.weights, one.flow_scale, one.doubt): one for one in reversed(choices)}
    return [one for one in reversed(distinct.values()) if any(replace(one, label=OWN) != mine for mine in own)]


def _precision(request: VideoRequest, pin: JobPin) -> Precision:
    wanted = request.settings.interpolate.precision
    return pin.precision if wanted == "auto" else wanted


# ---- measuring -------------------------------------------------------------------------------------------------------


def measure_seconds(
    sampling: Sampling,
    methods: SelfTestMethods,
    *,
    job: str,
    num_videos: int,
    num_wanted: int,
    reader_of: OpenReader,
    collectors: Sequence[FrameCollector],
    on_advance: OnAdvance,
) -> SelfTest:
    """Measure the methods on the chosen seconds, some at a time."""
    names = _names(sampling.seconds)
    advance = _Advance(sampling.seconds, on_advance)
    shared = [_Shared(collector) for collector in collectors]

    def measured(number: int) -> MeasuredSecond | LeftOut:
        second = sampling.seconds[number]
        comparison = Comparison(methods.of(second.request), ("ladder",), collectors=shared)
        try:
            for pair in _pairs(second, comparison, reader_of):
                comparison.measure_pair(names[number], FACTOR, pair)
                advance.add(second)
        except (VideoError, StorageError) as error:
            return left_out_for(second.request, error)
        return MeasuredSecond(second=second, name=names[number], scores=tuple(comparison.scores()))

    pool = ThreadPoolExecutor(min(_MOST_AT_ONCE, len(os.sched_getaffinity(0))))
    try:
        found = list(pool.map(measured, range(len(names))))
    finally:
        pool.shutdown(cancel_futures=True)
    scored = tuple(one for one in found if isinstance(one, MeasuredSecond))
    protocol = ClipProtocol(skip=0, frames=_MOST_PICTURES, max_width=MAX_WIDTH, factors=(FACTOR,), cuts="hold")
    return SelfTest(
        job=job,
        num_videos=num_videos,
        num_wanted=num_wanted,
        measured=scored,
        left_out=(*sampling.left_out, *(one for one in found if isinstance(one, LeftOut))),
        report=report_of(protocol, [score for one in scored for score in one.scores], None),
    )


def _names(seconds: Sequence[SampledSecond]) -> list[str]:
    """The file name and the place of each second; the whole URI if two videos have the same file name."""
    uris = {second.request.source.uri for second in seconds}
    files = [PurePosixPath(uri).name for uri in uris]

    def name(uri: str) -> str:
        short = PurePosixPath(uri).name
        return short if files.count(short) == 1 else uri

    return [f"{name(second.request.source.uri)} at {clock(float(second.at_s))}" for second in seconds]


def _pairs(second: SampledSecond, comparison: Comparison, reader_of: OpenReader) -> Sequence[EvalPair]:
    """Pairs of a second between which a job would make frames, evenly spread."""
    uri, hold_cuts = second.request.source.uri, second.request.settings.interpolate.cuts == "hold"
    held = {PairKind.REPEAT, PairKind.CUT} if hold_cuts else {PairKind.REPEAT}
    context = max(CONTEXT, comparison.context)
    num = min(round(second.rate) + _BESIDE, _MOST_PICTURES)
    with open_excerpts(reader_of(second.request.source), uri) as excerpts:
        frames = select_frames(excerpts.pictures(second.at_s, num), skip=0, num=None, max_width=MAX_WIDTH)
        pairs = list(eval_pairs(_checked(frames, uri), factor=FACTOR, context=context))
    moving = [pair for pair in pairs if pair_kind(pair) not in held]
    if not moving:
        why = "nothing moves" if pairs else "there are too few pictures"
        raise SourceUnsupported(f"{why} in the second at {clock(float(second.at_s))}", where=uri)
    taken = min(FRAMES_PER_SECOND, len(moving))
    return [moving[(2 * number + 1) * len(moving) // (2 * taken)] for number in range(taken)]


def _checked(frames: Iterator[Rgb], uri: str) -> Iterator[Rgb]:
    """Yield the frames, of which the first must be large enough to measure."""
    for number, frame in enumerate(frames):
        if not number:
            check_size(frame, uri)
        yield frame


class _Shared:
    """A collector that several threads use."""

    def __init__(self, collector: FrameCollector) -> None:
        self._collector, self._lock = collector, Lock()

    def add(self, label: str, row: str, pair: EvalPair, made: Rgb, score: FrameScore) -> None:
        """Pass the frame on."""
        with self._lock:
            self._collector.add(label, row, pair, made, score)


class _Advance:
    """Counts measured frames, and estimates how long the others take: in proportion to their pixels."""

    def __init__(self, seconds: Sequence[SampledSecond], on_advance: OnAdvance) -> None:
        self._lock, self._on_advance = Lock(), on_advance
        self._num, self._num_total = 0, FRAMES_PER_SECOND * len(seconds)
        self._px, self._px_total = 0, FRAMES_PER_SECOND * sum(map(_pixels, seconds))
        self._began: tuple[float, int] | None = None
        self._on_advance(0, self._num_total, None)

    def add(self, second: SampledSecond) -> None:
        """Count a frame. The first is slower than the others: the methods are loaded with it."""
        with self._lock:
            self._num, self._px = self._num + 1, self._px + _pixels(second)
            self._began = self._began or (monotonic(), self._px)
            took_s, px = monotonic() - self._began[0], self._px - self._began[1]
            self._on_advance(self._num, self._num_total, took_s * (self._px_total - self._px) / px if px else None)


def _pixels(second: SampledSecond) -> int:
    """Of a picture as it is measured."""
    shrink = max(1, -(-second.width // MAX_WIDTH))
    return second.width * second.height // shrink**2
