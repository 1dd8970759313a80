"""The report of an evaluation: scores, and everything that decides them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, Self

from slomo_batch.evaluation.datasets.dataset import EvaluatorName
from slomo_batch.evaluation.flicker import LumaStats, mean_stats
from slomo_batch.evaluation.methods import EvaluatedMethod, SizeSettings
from slomo_batch.records.commits import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipProtocol:
    """The ladder protocol: which frames of a clip are used, and how."""

    skip: int
    """Frames skipped at the beginning."""
    frames: int | None
    """Frames taken after that; None for all."""
    max_width: int | None
    """Wider pictures are downscaled to this by averaging whole blocks; None: never."""
    factors: tuple[int, ...]
    cuts: Literal["hold", "ignore", "exclude"]
    """hold: at cuts and repeated frames every method gets the nearest source frame, as in a job; ignore: every method
    interpolates there too; exclude: a pair with a cut anywhere between its frames is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetProtocol:
    """The benchmark of a data set: every method interpolates every case."""

    layout: str
    """Name of the data set."""
    folder: str
    cases: int
    """Cases evaluated."""
    cases_there: int
    """Cases in the folder."""
    cases_published: int
    """Cases of the complete data set; 0 if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """The scores of one predicted frame; None if the evaluator's rules exclude it."""

    case: str
    """Name of the case in the data set; empty for a clip."""
    number: int
    """In a clip: index among the frames used, from 0. In a case: number among the predicted frames, from 1."""
    psnr_db: float | None
    ssim: float | None
    ie: float | None
    """Interpolation error in 8-bit levels, as the evaluator defines it."""
    lpips: float | None
    """None if not requested, or if the frame is too small."""
    flip: float | None
    """None if not requested."""
    flicker: LumaStats
    """Absolute difference from the luma statistics of the two source frames; see `flicker`."""
    held: bool
    """Whether the frame is the nearest source frame because the pair is a cut or a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of one method on one clip or one part of a data set, at one factor, by one evaluator.

    Means are over the predicted frames that the evaluator does not exclude; None if it excludes all.
    """

    name: str
    """Name of the clip, or of the data set and its part."""
    factor: int
    """Every factor-th frame is kept."""
    evaluator: EvaluatorName
    entry: EvaluatedMethod
    settings: tuple[SizeSettings, ...]
    """One per picture size."""
    psnr_db: float | None
    ssim: float | None
    ie: float | None
    lpips: float | None
    flip: float | None
    flicker: LumaStats
    seconds_per_frame: float
    """Time of the method per interpolated frame, without reading and measuring. The first pair of each picture size is
    run once before as a warm-up, which does not count. 0 if the method never ran."""
    frames: tuple[FrameScore, ...]

    @classmethod
    def of(
        cls,
        frames: Iterable[FrameScore],
        *,
        name: str,
        factor: int,
        evaluator: EvaluatorName,
        entry: EvaluatedMethod,
        settings: tuple[SizeSettings, ...],
        seconds_per_frame: float,
    ) -> Self:
        """The score with the means of these frames."""
        frames = tuple(frames)
        return cls(
            name=name,
            factor=factor,
            evaluator=evaluator,
            entry=entry,
            settings=settings,
            psnr_db=mean_or_none(frame.psnr_db for frame in frames),
            ssim=mean_or_none(frame.ssim for frame in frames),
            ie=mean_or_none(frame.ie for frame in frames),
            lpips=mean_or_none(frame.lpips for frame in frames),
            flip=mean_or_none(frame.flip for frame in frames),
            flicker=mean_stats([frame.flicker for frame in frames]),
            seconds_per_frame=seconds_per_frame,
            frames=frames,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one `evaluate` or `compare` command."""

    version: str
    """Version of slomo_batch."""
    machine: Machine
    pixel_revision: int
    protocol: ClipProtocol | DatasetProtocol
    lpips_name: str
    """LPIPS or ST-LPIPS, whichever was measured; empty if none was."""
    lpips_sha256: str
    """SHA-256 of its weights; empty if it was not measured."""
    scores: tuple[Score, ...]


def mean_or_none(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    present = [value for value in values if value is not None]
    return fmean(present) if present else None


def perceptual_titles(report: Report) -> dict[str, str]:
    """Return the names of the perceptual measures that were measured, by the field of a score."""
    titles = {
        "lpips": report.lpips_name,
        "flip": "FLIP" if any(score.flip is not None for score in report.scores) else "",
    }
    return {field: title for field, title in titles.items() if title}


def pooled(scores: Iterable[Score]) -> list[Score]:
    """Return one score per method over all rows, as if they were one: means over all their frames."""
    by_label: dict[str, list[Score]] = {}
    for score in scores:
        by_label.setdefault(score.entry.label, []).append(score)
    return [_pooled(rows) for rows in by_label.values()]


def _pooled(rows: Sequence[Score]) -> Score:
    return Score.of(
        (frame for row in rows for frame in row.frames),
        name="",
        factor=rows[0].factor,
        evaluator=rows[0].evaluator,
        entry=rows[0].entry,
        settings=tuple(dict.fromkeys(settings for row in rows for settings in row.settings)),
        seconds_per_frame=sum(row.seconds_per_frame * _num_made(row) for row in rows)
        / max(1, sum(map(_num_made, rows))),
    )


def _num_made(score: Score) -> int:
    return sum(not frame.held for frame in score.frames)


def frame_label(frame: FrameScore) -> str:
    """Return a readable position of the frame in its clip or data set."""
    return f"case {frame.case}, frame {frame.number}" if frame.case else f"frame {frame.number} of those used"


def score_rows(report: Report) -> list[dict[str, str | int | float | None]]:
    """Return the scores as flat rows for a table file."""
    protocol = report.protocol
    clips = protocol if isinstance(protocol, ClipProtocol) else None
    return [
        {
            "name": score.name,
            "factor": score.factor,
            "evaluator": score.evaluator,
            "label": score.entry.label,
            "method": score.entry.method,
            "method_version": score.entry.method_version,
            "weights_name": score.entry.weights_name,
            "weights_sha256": score.entry.weights_sha256,
            "precision": score.entry.precision,
            "sizes": ", ".join(f"{setting.width}x{setting.height}" for setting in score.settings),
            "flow_scale": _distinct(str(setting.flow_scale) for setting in score.settings),
            "pyramid_levels": _distinct(str(setting.pyramid_levels) for setting in score.settings),
            "threads": score.entry.threads,
            "frames": len(score.frames),
            "frames_judged": sum(frame.psnr_db is not None for frame in score.frames),
            "frames_held": sum(frame.held for frame in score.frames),
            "psnr_db": score.psnr_db,
            "ssim": score.ssim,
            "ie": score.ie,
            "lpips": score.lpips,
            "flip": score.flip,
            "flicker_mean": score.flicker.mean,
            "flicker_sharpness": score.flicker.sharpness,
            "flicker_noise": score.flicker.noise,
            "seconds_per_frame": score.seconds_per_frame,
            "cuts": clips.cuts if clips else "ignore",
            "skip": clips.skip if clips else 0,
            "max_width": clips.max_width or 0 if clips else 0,
            "layout": "" if isinstance(protocol, ClipProtocol) else protocol.layout,
            "cases_published": 0 if isinstance(protocol, ClipProtocol) else protocol.cases_published,
            "lpips_name": report.lpips_name,
            "lpips_sha256": report.lpips_sha256,
            "host": report.machine.host,
            "device": report.machine.device,
            "builds": report.machine.builds,
            "version": report.version,
            "pixel_revision": report.pixel_revision,
        }
        for score in report.scores
    ]


def _distinct(values: Iterable[str]) -> str:
    """Join the distinct values in order."""
    return ", ".join(dict.fromkeys(values))
