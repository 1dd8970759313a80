"""Whole evaluations: of clips on the ladder, of a data set in its layout."""

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from slomo_batch import __version__
from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.evaluation.contenders import OpenContender
from slomo_batch.evaluation.contest import Contest
from slomo_batch.evaluation.datasets.dataset import Case, Layout, whole_cases
from slomo_batch.evaluation.lpips import Lpips
from slomo_batch.evaluation.pictures import trial_of
from slomo_batch.evaluation.report import ClipProtocol, Report, Score, SetProtocol
from slomo_batch.evaluation.ssim import RADIUS
from slomo_batch.evaluation.trials import Rgb, excerpt, trials
from slomo_batch.evaluation.worst import Worst
from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind, classify_pair
from slomo_batch.interpolators.factory import builds, device_name
from slomo_batch.interpolators.pixel_revision import PIXEL_REVISION
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.rgb import rgb_frames
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records import Machine
from slomo_batch.storage.location import S3Options
from slomo_batch.wiring import locate

MIN_SIDE_PX = 2 * RADIUS + 1
Tell = Callable[[str], None]
"""Is told what is at hand."""


# ---- clips -----------------------------------------------------------------------------------------------------------


def evaluate_clips(
    uris: Sequence[str],
    contenders: Sequence[OpenContender],
    protocol: ClipProtocol,
    *,
    lpips: Lpips | None = None,
    worst: Worst | None = None,
    tell: Tell,
) -> Report:
    """Every contender on every clip at every factor.

    Args:
        uris: clips, as videos are named everywhere.
        contenders: what is compared.
        protocol: which frames are used.
        lpips: measured too, where it is given.
        worst: collects the worst frames, where it is given.
        tell: is told what is at hand.

    Raises:
        VideoError, StorageError: a clip cannot be read, or is too short or too small.
    """
    contest = Contest(contenders, ("ladder",), lpips, worst)
    for uri, name in _names(uris).items():
        for factor in protocol.factors:
            tell(f"{uri} at {factor}x")
            _on_clip(uri, name, factor, contest, protocol)
    return _report(protocol, contest.scores(), lpips)


def _names(uris: Sequence[str]) -> dict[str, str]:
    """What each clip is called: its file's name, or the whole URI where several files are called so."""
    short = {uri: uri.rpartition("/")[2] for uri in uris}
    taken = Counter(short.values())
    return {uri: name if taken[name] == 1 else uri for uri, name in short.items()}


def _on_clip(uri: str, name: str, factor: int, contest: Contest, protocol: ClipProtocol) -> None:
    frames = excerpt(_frames(uri), skip=protocol.skip, num=protocol.frames, max_width=protocol.max_width)
    first = next(frames, None)
    if first is None:
        raise SourceUnreadable("no frame is left to be judged", where=uri, got=f"{protocol.skip} frames are skipped")
    _judge_size(first, uri)
    holds = protocol.cuts == "hold"
    context = max(CONTEXT if holds else 0, contest.context)
    num = 0
    for trial in trials(chain([first], frames), factor=factor, context=context):
        is_held = (
            holds and classify_pair([_picture(frame) for frame in trial.seen_with(CONTEXT)]) is not PairKind.MOVING
        )
        contest.take(name, factor, trial, is_held=is_held)
        num += 1
    if not num:
        raise SourceUnsupported(
            f"too short to be judged at {factor}x", where=uri, expected=f"at least {3 * factor + 1} frames"
        )


def _frames(uri: str) -> Iterator[Rgb]:
    store, key = locate(uri, s3=S3Options())
    info = store.head(key)
    reader = RangeReader(
        lambda start, end: store.get_range(key, start, end, fingerprint=info.fingerprint), info.size_bytes
    )
    return rgb_frames(reader, uri)


def _picture(frame: Rgb | None) -> Picture | None:
    """The frame as cuts are judged on; its green stands for luma."""
    if frame is None:
        return None
    return Picture(format=PIXEL_FORMATS["gbrp"], planes=tuple(frame[..., channel] for channel in (1, 2, 0)))


# ---- data sets -------------------------------------------------------------------------------------------------------


def evaluate_set(
    folder: Path,
    layout: Layout,
    contenders: Sequence[OpenContender],
    *,
    num_cases: int | None = None,
    lpips: Lpips | None = None,
    worst: Worst | None = None,
    tell: Tell,
) -> Report:
    """Every contender on the cases of a data set.

    Args:
        folder: where it lies.
        layout: how it lies there.
        contenders: what is compared.
        num_cases: at most so many of each part, evenly over it; None: all.
        lpips: measured too, where it is given.
        worst: collects the worst frames, where it is given.
        tell: is told what is at hand.

    Raises:
        ManifestError: the data set is not whole.
        VideoError: a picture cannot be read, is too small, or does not fit the others of its case.
    """
    there = whole_cases(layout, folder)
    asked = evenly(there, num_cases)
    contest = Contest(contenders, layout.evaluators, lpips, worst)
    told = {1, *range(0, len(asked), -(-len(asked) // TOLD_TIMES)), len(asked)}
    for number, case in enumerate(asked, start=1):
        if number in told:
            tell(f"{layout.name}: case {number} of {len(asked)}, {case.part} {case.name}".replace("  ", " "))
        trial = trial_of(case)
        _judge_size(trial.pair[0], str(case.i0))
        contest.take(f"{layout.name} {case.part}".strip(), len(case.times) + 1, trial)
    protocol = SetProtocol(
        layout=layout.name,
        folder=str(folder),
        cases=len(asked),
        cases_there=len(there),
        cases_published=layout.num_published,
    )
    return _report(protocol, contest.scores(), lpips)


TOLD_TIMES = 20
"""How often is told where the evaluation stands."""


def evenly(cases: Sequence[Case], num: int | None) -> list[Case]:
    """At most `num` of each part, the first of them and others as far apart as can be."""
    parts: dict[str, list[Case]] = {}
    for case in cases:
        parts.setdefault(case.part, []).append(case)
    return [
        those[place * len(those) // taken]
        for those in parts.values()
        for taken in [min(num or len(those), len(those))]
        for place in range(taken)
    ]


# ---- both ------------------------------------------------------------------------------------------------------------


def _judge_size(picture: Rgb, where: str) -> None:
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise SourceUnsupported(
            "pictures are too small to be judged",
            where=where,
            expected=f"{MIN_SIDE_PX} pixels and more each way",
            got=f"{width}x{height}",
        )


def _report(protocol: ClipProtocol | SetProtocol, scores: Iterable[Score], lpips: Lpips | None) -> Report:
    return Report(
        version=__version__,
        machine=Machine(host=socket.gethostname(), device=device_name(), builds=builds()),
        pixel_revision=PIXEL_REVISION,
        protocol=protocol,
        lpips_sha256=lpips.sha256 if lpips else "",
        scores=tuple(scores),
    )
