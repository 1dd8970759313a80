"""The page of a comparison: methods side by side on a clip, with the true frames, in one HTML file."""

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb, downscale_to_width
from slomo_batch.evaluation.report import ClipProtocol, FrameScore, Report, Score, perceptual_titles
from slomo_batch.interpolators.registry import find_method
from slomo_batch.media.jpeg import encode_jpeg
from slomo_batch.report.pages.page import render
from slomo_batch.version import __version__

MAX_WIDTH = 1280
"""Wider pictures are shown smaller."""
NUM_FRAMES = 12
"""Frames whose pictures are on the page."""
_MOST_KEPT = 8 * NUM_FRAMES
"""Frames whose pictures are in memory at most."""
QUANTIZER = 2
"""Of the JPEG files, which differ from the frames by about a level."""
ABOUT_EQUAL_DB = 0.1
"""Methods whose mean PSNR differs by less are said to be about equal."""


@dataclass(slots=True, kw_only=True)
class _FramePictures:
    """The pictures of one predicted frame, as JPEG files by what they show."""

    row: str
    """The clip, with the factor."""
    number: int
    scores: dict[str, FrameScore] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


class PageFrames:
    """Collects the pictures of predicted frames, for a page. Of many frames it keeps those most worth a look."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, int], _FramePictures] = {}
        self._pair: tuple[EvalPair, dict[str, bytes]] | None = None
        self._num_methods = 0

    def add(self, label: str, row: str, pair: EvalPair, made: Rgb, score: FrameScore) -> None:
        """Keep one predicted frame; see `FrameCollector`."""
        key = row, score.number
        if key not in self._frames and len(self._frames) >= _MOST_KEPT:
            kept = [*self.shown(_MOST_KEPT // 2), *(one for one in self._frames.values() if not self._is_complete(one))]
            self._frames = {(one.row, one.number): one for one in kept}
        frame = self._frames.setdefault(key, _FramePictures(row=row, number=score.number))
        if not frame.files:
            frame.files |= self._of_pair(pair) | {"truth": _jpeg(pair.truths[score.number - pair.first])}
        frame.scores[label] = score
        self._num_methods = max(self._num_methods, len(frame.scores))
        frame.files[label] = _jpeg(made)

    def _of_pair(self, pair: EvalPair) -> dict[str, bytes]:
        if self._pair is None or self._pair[0] is not pair:
            self._pair = pair, {"before": _jpeg(pair.pair[0]), "after": _jpeg(pair.pair[1])}
        return self._pair[1]

    def _is_complete(self, frame: _FramePictures) -> bool:
        """Whether all methods have made the frame. Several frames may be made at once."""
        return len(frame.scores) == self._num_methods

    def shown(self, num: int) -> Sequence[_FramePictures]:
        """Return `num` frames in order: the worst of each method, those the methods differ on most, and a few even."""
        frames = [frame for frame in self._frames.values() if self._is_complete(frame)]
        labels = frames[0].scores if frames else {}
        rankings = [sorted(frames, key=partial(_db, label)) for label in labels]
        rankings.append(sorted(frames, key=_spread_db, reverse=True))
        rankings.append(frames[:: max(1, len(frames) // max(1, num // 4))])
        chosen: dict[tuple[str, int], _FramePictures] = {}
        for place in range(len(frames)):
            for ranking in rankings:
                if len(chosen) < num and place < len(ranking):
                    chosen[ranking[place].row, ranking[place].number] = ranking[place]
        return [chosen[key] for key in sorted(chosen)]


def _jpeg(picture: Rgb) -> bytes:
    return encode_jpeg(downscale_to_width(picture, MAX_WIDTH), quantizer=QUANTIZER)


def _db(label: str, frame: _FramePictures) -> float:
    """PSNR of a method's frame; infinite for a frame that is exact or was not scored."""
    psnr_db = frame.scores[label].psnr_db
    return float("inf") if psnr_db is None else psnr_db


def _spread_db(frame: _FramePictures) -> float:
    found = [score.psnr_db for score in frame.scores.values() if score.psnr_db is not None]
    finite = [psnr_db for psnr_db in found if psnr_db != float("inf")]
    return max(finite) - min(finite) if finite else 0.0


# ---- the page --------------------------------------------------------------------------------------------------------


def compare_page(report: Report, frames: PageFrames, num_frames: int = NUM_FRAMES) -> str:
    """Return the HTML of the page of a comparison on one clip at one factor."""
    scores, protocol = report.scores, report.protocol
    skip = protocol.skip if isinstance(protocol, ClipProtocol) else 0
    return render_comparison(
        report,
        scores,
        frames,
        num_frames,
        title=scores[0].name,
        verdict=verdict(scores),
        places=[
            FramePlace(
                row=row_of(scores[0]), number=one.number, shown=skip + one.number, name=f"frame {skip + one.number}"
            )
            for one in scores[0].frames
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlace:
    """A predicted frame on a page."""

    row: str
    number: int
    """As its scores have it."""
    shown: int
    """Where it is on the horizontal axis of the curves."""
    name: str


def row_of(score: Score) -> str:
    """The row of a report, as a `FrameCollector` gets it."""
    return f"{score.name} {score.factor}x"


def render_comparison(
    report: Report,
    scores: Sequence[Score],
    frames: PageFrames,
    num_frames: int = NUM_FRAMES,
    *,
    title: str,
    verdict: str,
    places: Sequence[FramePlace],
    seconds: Sequence[Mapping[str, str]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the HTML of a page that compares methods.

    Args:
        report: what was measured.
        scores: one per method, over all frames.
        frames: the pictures.
        num_frames: frames whose pictures are on the page.
        title: of the page.
        verdict: what follows from the scores, in words.
        places: the frames, in the order of those of the scores.
        seconds: the rows of a table of the seconds that were measured, if there are several.
        notes: what else is to be said about them.
    """
    pictures = {(frame.row, frame.number): frame for frame in frames.shown(num_frames)}
    shown = [(place, pictures[place.row, place.number]) for place in places if (place.row, place.number) in pictures]
    return render(
        "compare.html.jinja",
        {
            "version": __version__,
            "title": title,
            "num_predicted": len(places),
            "machine": report.machine.device,
            "threads": scores[0].entry.threads,
            "verdict": verdict,
            "rows": _rows(scores),
            "seconds": seconds,
            "notes": notes,
            "perceptual": perceptual_titles(report),
            "methods": _abouts(scores),
            "data": {
                "labels": [score.entry.label for score in scores],
                "numbers": [place.shown for place in places],
                "measures": _curves(scores, perceptual_titles(report)),
                "frames": [_frame_data(place, frame) for place, frame in shown],
            },
        },
    )


def _abouts(scores: Sequence[Score]) -> Mapping[str, str]:
    """What each method does, by the labels that it has."""
    labels: dict[str, list[str]] = {}
    for score in scores:
        labels.setdefault(score.entry.method, []).append(score.entry.label)
    return {" and ".join(named): find_method(method).method.about for method, named in labels.items()}


_MEASURES: Mapping[str, tuple[str, int]] = {"psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 4), "ie": ("IE, levels", 2)}
"""By field of a score: its name, and digits after the decimal point."""
_PERCEPTUAL_DIGITS = 4


def verdict(scores: Sequence[Score]) -> str:
    """Say which method to use for the clip, and what speaks against it."""
    judged = sorted((score for score in scores if score.psnr_db is not None), key=lambda score: -(score.psnr_db or 0))
    if not judged:
        return "No frame could be scored."
    best, equal = judged[0], [score for score in judged if _gap_db(judged[0], score) < ABOUT_EQUAL_DB]
    if len(equal) > 1:
        best = min(equal, key=lambda score: score.seconds_per_frame)
        names = " and ".join(score.entry.label for score in equal)
        text = f"{names} are about equal on this clip, and {best.entry.label} is the fastest of them."
    elif len(judged) > 1:
        text = (
            f"{best.entry.label} is best on this clip: {_gap_db(best, judged[1]):.1f} dB above {judged[1].entry.label}."
        )
    else:
        text = f"{best.entry.label} was measured alone."
    by_ssim = max(judged, key=lambda score: score.ssim or 0.0)
    if by_ssim not in (best, *equal):
        text += f" By SSIM, {by_ssim.entry.label} is ahead."
    weights = f" --weights {shlex.quote(best.entry.weights_name)}" if best.entry.weights_name else ""
    return f"{text} To use {best.entry.label}: --method {best.entry.method}{weights}"


def _gap_db(better: Score, other: Score) -> float:
    return (better.psnr_db or 0.0) - (other.psnr_db or 0.0)


def _rows(scores: Sequence[Score]) -> Sequence[Mapping[str, Any]]:
    """The cells of the table, with the best of each column marked."""
    columns: dict[str, tuple[list[float | None], int, bool]] = {
        "psnr_db": ([score.psnr_db for score in scores], 2, True),
        "ssim": ([score.ssim for score in scores], 4, True),
        "ie": ([score.ie for score in scores], 2, False),
        "lpips": ([score.lpips for score in scores], _PERCEPTUAL_DIGITS, False),
        "flip": ([score.flip for score in scores], _PERCEPTUAL_DIGITS, False),
        "worst_db": ([_worst_db(score) for score in scores], 2, True),
        "seconds": ([score.seconds_per_frame for score in scores], 3, False),
    }
    rows: list[dict[str, Any]] = [{"label": score.entry.label} for score in scores]
    for name, (values, digits, is_more_better) in columns.items():
        present = [value for value in values if value is not None]
        best = None if len(set(present)) < 2 else max(present) if is_more_better else min(present)
        for row, value in zip(rows, values, strict=True):
            text = "-" if value is None else f"{value:.{digits}f}"
            row[name] = {"text": text, "is_best": value is not None and value == best}
    return rows


def _worst_db(score: Score) -> float | None:
    return min((frame.psnr_db for frame in score.frames if frame.psnr_db is not None), default=None)


def _curves(scores: Sequence[Score], perceptual: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    measures = {**_MEASURES, **{name: (title, _PERCEPTUAL_DIGITS) for name, title in perceptual.items()}}
    return [
        {
            "name": title,
            "digits": digits,
            "values": [[_finite(getattr(frame, name)) for frame in score.frames] for score in scores],
        }
        for name, (title, digits) in measures.items()
    ]


def _finite(value: float | None) -> float | None:
    """A value that can be drawn: not that of an exact frame, whose PSNR is infinite."""
    return None if value is None or value == float("inf") else round(value, 5)


def _frame_data(place: FramePlace, frame: _FramePictures) -> Mapping[str, Any]:
    return {
        "number": place.shown,
        "name": place.name,
        "is_held": any(score.held for score in frame.scores.values()),
        "psnr_db": {label: _finite(score.psnr_db) for label, score in frame.scores.items()},
        "files": {
            name: f"data:image/jpeg;base64,{base64.b64encode(data).decode()}" for name, data in frame.files.items()
        },
    }
