"""Running contenders over clips: each pair of kept frames goes through every method, and what comes out is measured."""

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from statistics import mean
from time import perf_counter

from slomo_batch import __version__
from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.evaluation.contenders import Contender, Entry, open_contender
from slomo_batch.evaluation.measures import SSIM_RADIUS, psnr, ssim
from slomo_batch.evaluation.report import FrameScore, Protocol, Report, Score
from slomo_batch.evaluation.trials import Rgb, Trial, excerpt, trials
from slomo_batch.interpolators.contract import AnyInterpolator, Frame, Held, make, reach
from slomo_batch.interpolators.duplicate import held
from slomo_batch.interpolators.judging import CONTEXT, Verdict, judge
from slomo_batch.interpolators.opening import builds, device_name
from slomo_batch.interpolators.revision import PIXEL_REVISION
from slomo_batch.interpolators.rgb8 import samples_of, tensor_of
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import rgb_frames
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records import Machine, Precision
from slomo_batch.storage.location import S3Options
from slomo_batch.wiring import locate

MIN_SIDE_PX = 2 * SSIM_RADIUS + 1


def evaluate(
    uris: Sequence[str],
    contenders: Sequence[Contender],
    protocol: Protocol,
    *,
    precision: Precision,
    threads: int,
    tell: Callable[[str], None],
) -> Report:
    """Every contender on every clip at every factor.

    Args:
        uris: clips, as videos are named everywhere.
        contenders: what is compared.
        protocol: which frames are used.
        precision: of the networks.
        threads: that torch uses on the CPU.
        tell: is told what is at hand.

    Raises:
        VideoError, StorageError: a clip cannot be read, or is too short or too small.
        WeightsError: weights cannot be used.
    """
    scores: list[Score] = []
    for uri in uris:
        for factor in protocol.factors:
            tell(f"{uri} at {factor}x")
            scores += _on_clip(uri, factor, contenders, protocol, precision=precision, threads=threads)
    return Report(
        version=__version__,
        machine=Machine(host=socket.gethostname(), device=device_name(), builds=builds()),
        pixel_revision=PIXEL_REVISION,
        protocol=protocol,
        scores=tuple(scores),
    )


def _on_clip(
    uri: str, factor: int, contenders: Sequence[Contender], protocol: Protocol, *, precision: Precision, threads: int
) -> Iterator[Score]:
    frames = excerpt(_frames(uri), skip=protocol.skip, num=protocol.frames, max_width=protocol.max_width)
    first = next(frames, None)
    if first is None:
        raise SourceUnreadable("no frame is left to be judged", where=uri, got=f"{protocol.skip} frames are skipped")
    height, width = first.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise SourceUnsupported("pictures are too small to be judged", where=uri, got=f"{width}x{height}")
    runs = [_Run(*open_contender(named, width, height, precision=precision, threads=threads)) for named in contenders]
    _run_all(runs, chain([first], frames), factor, holds=protocol.cuts == "hold")
    if not runs[0].frames:
        raise SourceUnsupported(
            f"too short to be judged at {factor}x", where=uri, expected=f"at least {3 * factor + 1} frames"
        )
    clip = uri.rpartition("/")[2]
    for run in runs:
        yield run.score(clip, width, height, factor)


def _frames(uri: str) -> Iterator[Rgb]:
    store, key = locate(uri, s3=S3Options())
    info = store.head(key)
    reader = RangeReader(
        lambda start, end: store.get_range(key, start, end, fingerprint=info.fingerprint), info.size_bytes
    )
    return rgb_frames(reader, uri)


def _run_all(runs: "Sequence[_Run]", frames: Iterable[Rgb], factor: int, *, holds: bool) -> None:
    context = max(CONTEXT if holds else 0, *(run.context for run in runs))
    for trial in trials(frames, factor=factor, context=context):
        is_held = holds and judge([_picture(frame) for frame in trial.seen_with(CONTEXT)]) is not Verdict.MOVING
        for run in runs:
            run.take(trial, is_held=is_held)


def _picture(frame: Rgb | None) -> Picture | None:
    """The frame as cuts are judged on; its green stands for luma."""
    if frame is None:
        return None
    return Picture(format=PIXEL_FORMATS["gbrp"], planes=tuple(frame[..., channel] for channel in (1, 2, 0)))


class _Run:
    """One contender on its way through one clip."""

    def __init__(self, entry: Entry, method: AnyInterpolator) -> None:
        self._entry, self._method = entry, method
        self._seconds, self._num_made = 0.0, 0
        self.context = reach(method)
        self.frames: list[FrameScore] = []

    def take(self, trial: Trial, *, is_held: bool) -> None:
        """Predict and measure the frames of one trial."""
        made: Sequence[Frame] = held(trial.times) if is_held else self._made(trial)
        for number, (frame, truth) in enumerate(zip(made, trial.truths, strict=True), start=trial.first):
            predicted = trial.pair[frame is Held.SECOND] if isinstance(frame, Held) else samples_of(frame)
            score = FrameScore(number=number, psnr_db=psnr(predicted, truth), ssim=ssim(predicted, truth), held=is_held)
            self.frames.append(score)

    def _made(self, trial: Trial) -> Sequence[Frame]:
        window = [None if frame is None else tensor_of(frame) for frame in trial.seen_with(self.context)]
        if not self._num_made:
            make(self._method, window, trial.times)  # the first run prepares memory and code
        start = perf_counter()
        made = make(self._method, window, trial.times)
        self._seconds += perf_counter() - start
        self._num_made += len(made)
        return made

    def score(self, clip: str, width: int, height: int, factor: int) -> Score:
        """What was found."""
        return Score(
            clip=clip,
            width=width,
            height=height,
            factor=factor,
            entry=self._entry,
            psnr_db=mean(frame.psnr_db for frame in self.frames),
            ssim=mean(frame.ssim for frame in self.frames),
            seconds_per_frame=self._seconds / max(1, self._num_made),
            frames=tuple(self.frames),
        )
