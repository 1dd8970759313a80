"""Evaluate methods on clips with the ladder protocol, or on a published data set."""

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.evaluation.collector import FrameCollector
from slomo_batch.evaluation.comparison import Comparison
from slomo_batch.evaluation.datasets.dataset import BenchmarkCase, Dataset, EvaluatorName, load_cases
from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb, eval_pairs, select_frames
from slomo_batch.evaluation.evaluators import EVALUATORS
from slomo_batch.evaluation.flip import Flip
from slomo_batch.evaluation.lpips import Lpips
from slomo_batch.evaluation.methods import OpenMethod
from slomo_batch.evaluation.pictures import load_case
from slomo_batch.evaluation.report import ClipProtocol, DatasetProtocol, Report, Score
from slomo_batch.evaluation.rgb8 import planes_of
from slomo_batch.evaluation.ssim import RADIUS
from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind, classify_pair, pair_kinds
from slomo_batch.interpolators.device import builds, device_name
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.media.reader import BLOCKS_AHEAD, RangeReader
from slomo_batch.media.rgb import rgb_frames
from slomo_batch.records.commits import Machine
from slomo_batch.storage.existence import check_readable
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri
from slomo_batch.version import __version__
from slomo_batch.wiring import locate

MIN_SIDE_PX = 2 * RADIUS + 1
OnProgress = Callable[[str], None]
"""Called with a line of text about the clip or case that comes next."""


# ---- clips -----------------------------------------------------------------------------------------------------------


def evaluate_clips(
    uris: Sequence[str],
    methods: Sequence[OpenMethod],
    protocol: ClipProtocol,
    *,
    lpips: Lpips | None = None,
    flip: Flip | None = None,
    collectors: Sequence[FrameCollector] = (),
    on_progress: OnProgress,
) -> Report:
    """Evaluate every method on every clip at every factor.

    Args:
        uris: paths or URIs of the clips.
        methods: the methods to compare.
        protocol: which frames are used.
        lpips: measures this too, if given.
        flip: measures this too, if given.
        collectors: look at every predicted frame.
        on_progress: called before each clip and factor.

    Raises:
        ManifestError: a clip does not exist or must not be read; the error names all of them.
        VideoError: a clip cannot be decoded, or is too short or too small.
        StorageError: a store does not respond.
    """
    check_readable(map(Uri.parse, uris), partial(locate, s3=S3Options()))
    comparison = Comparison(methods, ("ladder",), lpips, flip, collectors)
    for uri, name in _clip_names(uris).items():
        for factor in protocol.factors:
            on_progress(f"{uri} at {factor}x")
            _evaluate_clip(uri, name, factor, comparison, protocol)
    return report_of(protocol, comparison.scores(), lpips)


def _clip_names(uris: Sequence[str]) -> dict[str, str]:
    """Map each URI to a short name: its file name, or the whole URI if several clips have the same file name."""
    short = {uri: uri.rpartition("/")[2] for uri in uris}
    taken = Counter(short.values())
    return {uri: name if taken[name] == 1 else uri for uri, name in short.items()}


def _evaluate_clip(uri: str, name: str, factor: int, comparison: Comparison, protocol: ClipProtocol) -> None:
    frames = _selected(uri, protocol)
    first = next(frames, None)
    if first is None:
        raise SourceUnreadable(
            f"no frames left after skipping {protocol.skip}", where=uri, remedy="Set a smaller --skip."
        )
    check_size(first, uri)
    context = max(CONTEXT if protocol.cuts == "hold" else 0, comparison.context)
    starts = _scene_starts(_selected(uri, protocol)) if protocol.cuts == "exclude" else frozenset()
    num_pairs = num_measured = 0
    for pair in eval_pairs(chain([first], frames), factor=factor, context=context):
        num_pairs += 1
        if starts.isdisjoint(range(pair.first, pair.first + factor)):
            num_measured += 1
            comparison.measure_pair(
                name, factor, pair, is_held=protocol.cuts == "hold" and pair_kind(pair) is not PairKind.MOVING
            )
    if not num_pairs:
        raise SourceUnsupported(
            f"the clip is too short to evaluate at {factor}x", where=uri, expected=f"at least {3 * factor + 1} frames"
        )
    if not num_measured:
        raise SourceUnsupported(
            f"every pair lies across a cut at {factor}x", where=uri, remedy="Use other frames: set --skip or --frames."
        )


def _selected(uri: str, protocol: ClipProtocol) -> Iterator[Rgb]:
    return select_frames(_frames(uri), skip=protocol.skip, num=protocol.frames, max_width=protocol.max_width)


def _scene_starts(frames: Iterable[Rgb]) -> frozenset[int]:
    """Return the numbers of the frames that follow a cut."""
    kinds = enumerate(pair_kinds(map(planes_of, frames)), start=1)
    return frozenset(number for number, kind in kinds if kind is PairKind.CUT)


def pair_kind(pair: EvalPair) -> PairKind:
    """Classify a pair as a job does, with green in place of luma."""
    return classify_pair([frame if frame is None else planes_of(frame) for frame in pair.window_for(CONTEXT)])


def _frames(uri: str) -> Iterator[Rgb]:
    store, key = locate(Uri.parse(uri), s3=S3Options())
    info = store.head(key)
    reader = RangeReader(
        lambda start, end: store.get_range(key, start, end, fingerprint=info.fingerprint),
        info.size_bytes,
        blocks_ahead=0 if store.root.is_local else BLOCKS_AHEAD,
    )
    return rgb_frames(reader, uri)


# ---- data sets -------------------------------------------------------------------------------------------------------


def evaluate_dataset(
    folder: Path,
    dataset: Dataset,
    methods: Sequence[OpenMethod],
    *,
    num_cases: int | None = None,
    lpips: Lpips | None = None,
    flip: Flip | None = None,
    collectors: Sequence[FrameCollector] = (),
    on_progress: OnProgress,
) -> Report:
    """Evaluate every method on the cases of a data set.

    Args:
        folder: the folder of the data set.
        dataset: which data set it is.
        methods: the methods to compare.
        num_cases: at most this many cases of each part, evenly spaced; None: all.
        lpips: measures this too, if given.
        flip: measures this too, if given.
        collectors: look at every predicted frame.
        on_progress: called before some of the cases.

    Raises:
        ManifestError: files of the data set are missing.
        VideoError: a picture cannot be read, is too small, or has a different size from the first of its case.
    """
    there = load_cases(dataset, folder)
    selected = select_evenly(there, num_cases)
    evaluators = _applicable(dataset.evaluators, there)
    if evaluators != dataset.evaluators:
        on_progress(f"{dataset.name}: the folder has no motion masks, so only whole frames are measured")
    comparison = Comparison(methods, evaluators, lpips, flip, collectors)
    reported = {1, *range(0, len(selected), -(-len(selected) // NUM_PROGRESS_LINES)), len(selected)}
    for number, case in enumerate(selected, start=1):
        if number in reported:
            on_progress(f"{dataset.name}: case {number} of {len(selected)}, {case.part} {case.name}".replace("  ", " "))
        pair = load_case(case)
        check_size(pair.pair[0], str(case.i0))
        comparison.measure_pair(f"{dataset.name} {case.part}".strip(), len(case.times) + 1, pair)
    protocol = DatasetProtocol(
        layout=dataset.name,
        folder=str(folder),
        cases=len(selected),
        cases_there=len(there),
        cases_published=dataset.num_published,
    )
    return report_of(protocol, comparison.scores(), lpips)


def _applicable(evaluators: Sequence[EvaluatorName], cases: Sequence[BenchmarkCase]) -> tuple[EvaluatorName, ...]:
    """Return the evaluators that need no masks, or all of them if the cases have masks."""
    has_masks = any(case.mask for case in cases)
    return tuple(name for name in evaluators if has_masks or EVALUATORS[name].region == "whole")


NUM_PROGRESS_LINES = 20
"""About how many progress lines an evaluation reports."""


def select_evenly(cases: Sequence[BenchmarkCase], num: int | None) -> list[BenchmarkCase]:
    """Select at most `num` cases of each part: the first, and others evenly spaced."""
    parts: dict[str, list[BenchmarkCase]] = {}
    for case in cases:
        parts.setdefault(case.part, []).append(case)
    return [
        part[index * len(part) // taken]
        for part in parts.values()
        for taken in [min(num or len(part), len(part))]
        for index in range(taken)
    ]


# ---- both ------------------------------------------------------------------------------------------------------------


def check_size(picture: Rgb, where: str) -> None:
    """Check that a picture is large enough for SSIM.

    Raises:
        SourceUnsupported: it is not.
    """
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise SourceUnsupported(
            "the pictures are too small to evaluate",
            where=where,
            expected=f"at least {MIN_SIDE_PX}x{MIN_SIDE_PX}",
            got=f"{width}x{height}",
        )


def report_of(protocol: ClipProtocol | DatasetProtocol, scores: Iterable[Score], lpips: Lpips | None) -> Report:
    """Return the report of these scores, measured by this version on this machine."""
    return Report(
        version=__version__,
        machine=Machine(host=socket.gethostname(), device=device_name(), builds=builds()),
        pixel_revision=PIXEL_REVISION,
        protocol=protocol,
        lpips_name=lpips.name if lpips else "",
        lpips_sha256=lpips.sha256 if lpips else "",
        scores=tuple(scores),
    )
