"""Contenders side by side: every trial goes through each of them, and what comes out is measured by every evaluator."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from time import perf_counter

from slomo_batch.evaluation.contenders import OpenContender, Setting
from slomo_batch.evaluation.datasets.dataset import EvaluatorName
from slomo_batch.evaluation.evaluators import EVALUATORS, judged
from slomo_batch.evaluation.flicker import Look, flicker, look_of
from slomo_batch.evaluation.lpips import Lpips
from slomo_batch.evaluation.report import FrameScore, Score, mean_of
from slomo_batch.evaluation.rgb8 import samples_of, tensor_of
from slomo_batch.evaluation.trials import Rgb, Trial
from slomo_batch.evaluation.worst import Worst
from slomo_batch.interpolators.contract import Frame, Held, make_frames
from slomo_batch.interpolators.duplicate import nearest_frames


@dataclass(slots=True)
class _Tally:
    """What one contender did on one row."""

    settings: dict[Setting, bool] = field(default_factory=dict)
    """How it was opened, and whether it was asked so: at a cut it is not."""
    seconds: float = 0.0
    num_made: int = 0
    frames: dict[EvaluatorName, list[FrameScore]] = field(default_factory=dict)


class Contest:
    """The contest of some contenders under some evaluators; the first of these says which frames are worst."""

    def __init__(
        self,
        contenders: Sequence[OpenContender],
        evaluators: Sequence[EvaluatorName],
        lpips: Lpips | None = None,
        worst: Worst | None = None,
    ) -> None:
        self._contenders, self._evaluators, self._lpips, self._worst = contenders, evaluators, lpips, worst
        self._tallies: dict[tuple[str, int], list[_Tally]] = {}
        self.context = max(contender.context for contender in contenders)

    def take(self, name: str, factor: int, trial: Trial, *, is_held: bool = False) -> None:
        """Give a trial to every contender; what it makes counts for the row of this name and factor.

        Where `is_held` no method is asked, and the nearest frame of the pair is taken.
        """
        looks = look_of(trial.pair[0]), look_of(trial.pair[1])
        if (name, factor) not in self._tallies:
            self._tallies[name, factor] = [_Tally() for _ in self._contenders]
        for contender, tally in zip(self._contenders, self._tallies[name, factor], strict=True):
            setting = contender.setting(trial.pair[0].shape[1], trial.pair[0].shape[0])
            made = list(nearest_frames(trial.times)) if is_held else _made(contender, setting, trial, tally)
            tally.settings[setting] = tally.settings.get(setting, False) or not is_held
            for step, frame in enumerate(made):
                predicted = trial.pair[frame is Held.SECOND] if isinstance(frame, Held) else samples_of(frame)
                self._measure(tally, trial, step, predicted, looks, is_held=is_held)
                if self._worst and not is_held:
                    newest = tally.frames[self._evaluators[0]][-1]
                    self._worst.offer(contender.entry.label, f"{name} {factor}x", trial, predicted, newest)

    def _measure(
        self, tally: _Tally, trial: Trial, step: int, made: Rgb, looks: tuple[Look, Look], *, is_held: bool
    ) -> None:
        truth = trial.truths[step]
        off = flicker(look_of(made), *looks, float(trial.times[step]))
        distance = self._lpips.distance(made, truth) if self._lpips else None
        for name in self._evaluators:
            likeness = judged(EVALUATORS[name], made, truth, trial.mask)
            score = FrameScore(
                case=trial.case,
                number=trial.first + step,
                psnr_db=likeness.psnr_db,
                ssim=likeness.ssim,
                ie=likeness.ie,
                lpips=distance,
                flicker=off,
                held=is_held,
            )
            tally.frames.setdefault(name, []).append(score)

    def scores(self) -> list[Score]:
        """What was found, by row, evaluator and contender."""
        return [
            _score(name, factor, evaluator, contender, tally)
            for (name, factor), tallies in self._tallies.items()
            for evaluator in self._evaluators
            for contender, tally in zip(self._contenders, tallies, strict=True)
        ]


def _made(contender: OpenContender, setting: Setting, trial: Trial, tally: _Tally) -> Sequence[Frame]:
    method = contender.method(setting)
    window = [None if frame is None else tensor_of(frame) for frame in trial.seen_with(contender.context)]
    if not tally.settings.get(setting):
        list(make_frames(method, window, trial.times))  # the first run at a size prepares memory and code
    start = perf_counter()
    made = list(make_frames(method, window, trial.times))
    tally.seconds += perf_counter() - start
    tally.num_made += len(made)
    return made


def _score(name: str, factor: int, evaluator: EvaluatorName, contender: OpenContender, tally: _Tally) -> Score:
    frames = tuple(tally.frames[evaluator])
    return Score(
        name=name,
        factor=factor,
        evaluator=evaluator,
        entry=contender.entry,
        settings=tuple(tally.settings),
        psnr_db=mean_of(frame.psnr_db for frame in frames),
        ssim=mean_of(frame.ssim for frame in frames),
        ie=mean_of(frame.ie for frame in frames),
        lpips=mean_of(frame.lpips for frame in frames),
        flicker=Look(
            mean=fmean(frame.flicker.mean for frame in frames),
            sharpness=fmean(frame.flicker.sharpness for frame in frames),
            noise=fmean(frame.flicker.noise for frame in frames),
        ),
        seconds_per_frame=tally.seconds / max(1, tally.num_made),
        frames=frames,
    )
