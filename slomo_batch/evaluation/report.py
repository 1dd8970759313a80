"""What an evaluation found: records that say all that decides the numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from slomo_batch.evaluation.contenders import Entry, Setting
from slomo_batch.evaluation.datasets.dataset import EvaluatorName
from slomo_batch.evaluation.flicker import Look
from slomo_batch.records import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipProtocol:
    """The ladder: which frames of a clip were used, and how."""

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
class SetProtocol:
    """A data set's benchmark: every method is asked in every case."""

    layout: str
    folder: str
    cases: int
    """Cases that were asked."""
    cases_there: int
    """Cases in the folder."""
    cases_published: int
    """Cases of the whole data set; 0 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """One predicted frame. None: the evaluator's rules leave it out."""

    case: str
    """The case of the data set; empty for a clip."""
    number: int
    """Place among the frames taken of the clip, from 0; among those to be predicted of a case, from 1."""
    psnr_db: float | None
    ssim: float | None
    ie: float | None
    """Interpolation error in levels of 8 bits, as the evaluator defines it."""
    lpips: float | None
    """None where it was not asked for, or the frame is too small."""
    flicker: Look
    """How far the frame's look is from its neighbours'."""
    held: bool
    """The nearest kept frame, since the pair was judged a cut or a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One contender on one clip, or one part of a data set, at one factor, by one evaluator.

    Means are over the predicted frames that the evaluator does not leave out; None where it leaves out all.
    """

    name: str
    """Of the clip; or of the data set and its part."""
    factor: int
    """Every factor-th frame was kept."""
    evaluator: EvaluatorName
    entry: Entry
    settings: tuple[Setting, ...]
    """By size of picture."""
    psnr_db: float | None
    ssim: float | None
    ie: float | None
    lpips: float | None
    flicker: Look
    seconds_per_frame: float
    """Of the method alone, per frame it made, without reading and measuring; the first pair of each size is run once
    unmeasured before. 0 where it was never asked."""
    frames: tuple[FrameScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one command found."""

    version: str
    """Of slomo-batch."""
    machine: Machine
    pixel_revision: int
    protocol: ClipProtocol | SetProtocol
    lpips_sha256: str
    """Of the weights of LPIPS; empty where it was not measured."""
    scores: tuple[Score, ...]


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that are there."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def place_of(frame: FrameScore) -> str:
    """Where in its clip or data set the frame is, for a person."""
    return f"case {frame.case}, frame {frame.number}" if frame.case else f"frame {frame.number} of those taken"


def columns(report: Report) -> list[dict[str, str | int | float | None]]:
    """The scores as flat rows, for a table file."""
    protocol = report.protocol
    clips = protocol if isinstance(protocol, ClipProtocol) else None
    return [
        {
            "name": score.name,
            "factor": score.factor,
            "evaluator": score.evaluator,
            "label": score.entry.label,
            "method": score.entry.method,
            "weights_name": score.entry.weights_name,
            "weights_sha256": score.entry.weights_sha256,
            "precision": score.entry.precision,
            "sizes": ", ".join(f"{setting.width}x{setting.height}" for setting in score.settings),
            "flow_scale": _each(str(setting.flow_scale) for setting in score.settings),
            "pyramid_levels": _each(str(setting.pyramid_levels) for setting in score.settings),
            "threads": score.entry.threads,
            "frames": len(score.frames),
            "frames_judged": sum(frame.psnr_db is not None for frame in score.frames),
            "frames_held": sum(frame.held for frame in score.frames),
            "psnr_db": score.psnr_db,
            "ssim": score.ssim,
            "ie": score.ie,
            "lpips": score.lpips,
            "flicker_mean": score.flicker.mean,
            "flicker_sharpness": score.flicker.sharpness,
            "flicker_noise": score.flicker.noise,
            "seconds_per_frame": score.seconds_per_frame,
            "cuts": clips.cuts if clips else "ignore",
            "skip": clips.skip if clips else 0,
            "max_width": clips.max_width or 0 if clips else 0,
            "layout": "" if isinstance(protocol, ClipProtocol) else protocol.layout,
            "cases_published": 0 if isinstance(protocol, ClipProtocol) else protocol.cases_published,
            "lpips_sha256": report.lpips_sha256,
            "host": report.machine.host,
            "device": report.machine.device,
            "builds": report.machine.builds,
            "version": report.version,
            "pixel_revision": report.pixel_revision,
        }
        for score in report.scores
    ]


def _each(values: Iterable[str]) -> str:
    """Different values, in their order."""
    return ", ".join(dict.fromkeys(values))
