"""What an evaluation found: records that say all that decides the numbers, and tables of them for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from slomo_batch.evaluation.contenders import Entry
from slomo_batch.records import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Which frames of a clip were used, and how."""

    skip: int
    """Frames left out at the beginning."""
    frames: int | None
    """Frames taken after that; None for all."""
    max_width: int | None
    """Wider pictures were averaged down over whole blocks."""
    factors: tuple[int, ...]
    cuts: Literal["hold", "ignore"]
    """hold: at a cut or a repeated frame the nearest frame is shown, by every method alike, as in a job; ignore: every
    method is asked everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """One predicted frame."""

    number: int
    """Place among the frames taken of the clip, from 0."""
    psnr_db: float
    ssim: float
    held: bool
    """The nearest kept frame, since the pair was judged a cut or a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One contender on one clip at one factor."""

    clip: str
    width: int
    height: int
    factor: int
    entry: Entry
    psnr_db: float
    """Mean over the predicted frames."""
    ssim: float
    seconds_per_frame: float
    """Of the method alone, per frame it made, without decoding and measuring; the first pair is run once unmeasured
    before. 0 where it was never asked."""
    frames: tuple[FrameScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one command found."""

    version: str
    """Of slomo-batch."""
    machine: Machine
    pixel_revision: int
    protocol: Protocol
    scores: tuple[Score, ...]


_CUTS = {
    "hold": "At cuts and repeated frames the nearest frame is held, by every method alike, as in a job.",
    "ignore": "Every method is asked at cuts and repeated frames too.",
}

Measure = Literal["psnr_db", "ssim", "seconds_per_frame"]
_TITLES: dict[Measure, str] = {
    "psnr_db": "PSNR, dB",
    "ssim": "SSIM",
    "seconds_per_frame": "seconds per frame",
}
_DIGITS: dict[Measure, int] = {"psnr_db": 2, "ssim": 4, "seconds_per_frame": 3}


def tables(report: Report) -> list[str]:
    """The report as Markdown, a table per measure, lines."""
    lines: list[str] = []
    for measure in _TITLES:
        lines += [*_table(report.scores, measure), ""]
    return [*lines, *_worst(report.scores), "", *_footing(report)]


def _table(scores: Sequence[Score], measure: Measure) -> list[str]:
    labels = list(dict.fromkeys(score.entry.label for score in scores))
    rows = list(dict.fromkeys((score.clip, score.factor) for score in scores))
    found: dict[tuple[str, int, str], float] = {
        (score.clip, score.factor, score.entry.label): getattr(score, measure) for score in scores
    }
    digits = _DIGITS[measure]
    cells = [
        [f"{clip} {factor}x", *(f"{found[clip, factor, label]:.{digits}f}" for label in labels)]
        for clip, factor in rows
    ]
    if len(rows) > 1:
        means = (mean(found[clip, factor, label] for clip, factor in rows) for label in labels)
        cells.append(["mean", *(f"{value:.{digits}f}" for value in means)])
    return _aligned([[_TITLES[measure], *labels], *cells])


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table: the first row is its head, the first column words, the others numbers."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| "
        + " | ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        + " |"
        for row in cells
    ]
    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return [lines[0], rule, *lines[1:]]


def _worst(scores: Sequence[Score]) -> list[str]:
    """The worst frame of each contender."""
    lines = ["Worst frames (number among the frames taken):"]
    for label in dict.fromkeys(score.entry.label for score in scores):
        judged = [(frame, score) for score in scores if score.entry.label == label for frame in score.frames]
        frame, score = min(judged, key=lambda pair: pair[0].psnr_db)
        lines.append(f"  {label}: {frame.psnr_db:.2f} dB, {score.clip} {score.factor}x, frame {frame.number}")
    return lines


def _footing(report: Report) -> list[str]:
    machine, protocol = report.machine, report.protocol
    taken = "all" if protocol.frames is None else str(protocol.frames)
    width = f", at most {protocol.max_width} px wide" if protocol.max_width else ""
    entries = {score.entry.label: score.entry for score in report.scores if score.entry.weights_sha256}
    return [
        f"Frames: {taken} after the first {protocol.skip}{width}; the first and last pair of each clip are left out.",
        _CUTS[protocol.cuts],
        f"Machine: {machine.device}; {machine.builds}; slomo-batch {report.version}.",
        *(
            f"{label}: weights {entry.weights_name}, SHA-256 {entry.weights_sha256}, {entry.precision}, "
            f"{entry.threads} thread{'s' if entry.threads > 1 else ''}."
            for label, entry in entries.items()
        ),
    ]


def columns(report: Report) -> list[dict[str, str | int | float]]:
    """The scores as flat rows, for a table file."""
    return [
        {
            "clip": score.clip,
            "width": score.width,
            "height": score.height,
            "factor": score.factor,
            "label": score.entry.label,
            "method": score.entry.method,
            "weights_name": score.entry.weights_name,
            "weights_sha256": score.entry.weights_sha256,
            "precision": score.entry.precision,
            "flow_scale": str(score.entry.flow_scale),
            "pyramid_levels": score.entry.pyramid_levels,
            "threads": score.entry.threads,
            "frames": len(score.frames),
            "psnr_db": score.psnr_db,
            "ssim": score.ssim,
            "seconds_per_frame": score.seconds_per_frame,
            "frames_held": sum(frame.held for frame in score.frames),
            "cuts": report.protocol.cuts,
            "skip": report.protocol.skip,
            "max_width": report.protocol.max_width or 0,
            "host": report.machine.host,
            "device": report.machine.device,
            "builds": report.machine.builds,
            "version": report.version,
            "pixel_revision": report.pixel_revision,
        }
        for score in report.scores
    ]
