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
from slomo_batch.interpolators.contract import AnyInterpolator, Held, make, reach
from slomo_batch.interpolators.opening import builds, device_name
from slomo_batch.interpolators.revision import PIXEL_REVISION
from slomo_batch.interpolators.rgb8 import samples_of, tensor_of
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import rgb_frames
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
    _run_all(runs, chain([first], frames), factor)
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


def _run_all(runs: "Sequence[_Run]", frames: Iterable[Rgb], factor: int) -> None:
    context = max(run.context for run in runs)
    for trial in trials(frames, factor=factor, context=context):
        for run in runs:
            run.take(trial)


class _Run:
    """One contender on its way through one clip."""

    def __init__(self, entry: Entry, method: AnyInterpolator) -> None:
        self._entry, self._method = entry, method
        self._seconds = 0.0
        self.context = reach(method)
        self.frames: list[FrameScore] = []

    def take(self, trial: Trial) -> None:
        """Predict and measure the frames of one trial."""
        window = [None if frame is None else tensor_of(frame) for frame in trial.seen_with(self.context)]
        if not self.frames:
            make(self._method, window, trial.times)  # the first run prepares memory and code
        start = perf_counter()
        made = make(self._method, window, trial.times)
        self._seconds += perf_counter() - start
        for number, (frame, truth) in enumerate(zip(made, trial.truths, strict=True), start=trial.first):
            predicted = trial.pair[frame is Held.SECOND] if isinstance(frame, Held) else samples_of(frame)
            score = FrameScore(number=number, psnr_db=psnr(predicted, truth), ssim=ssim(predicted, truth))
            self.frames.append(score)

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
            seconds_per_frame=self._seconds / len(self.frames),
            frames=tuple(self.frames),
        )
