"""Compare methods: every method interpolates every pair, and every evaluator measures the frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from slomo_batch.evaluation.collector import FrameCollector
from slomo_batch.evaluation.datasets.dataset import EvaluatorName
from slomo_batch.evaluation.eval_pairs import EvalPair, Rgb
from slomo_batch.evaluation.evaluators import EVALUATORS, measure_frame
from slomo_batch.evaluation.flicker import LumaStats, flicker, luma_stats
from slomo_batch.evaluation.flip import Flip
from slomo_batch.evaluation.lpips import Lpips
from slomo_batch.evaluation.methods import OpenMethod, SizeSettings
from slomo_batch.evaluation.report import FrameScore, Score
from slomo_batch.evaluation.rgb8 import planes_of, to_tensor, to_uint8
from slomo_batch.interpolators import overlays
from slomo_batch.interpolators.contract import AnyInterpolator, Frame, Held, device_of, make_frames_on_cpu
from slomo_batch.interpolators.duplicate import nearest_frames
from slomo_batch.plan.pair_doubts import HELD_FROM
from slomo_batch.steps.judged_frames import judged_frames


@dataclass(slots=True)
class _MethodResult:
    """Measurements of one method for one row of the report."""

    settings: dict[SizeSettings, bool] = field(default_factory=dict)
    """The settings used; True if the method ran with them (at held cuts it does not run)."""
    seconds: float = 0.0
    num_made: int = 0
    frames: dict[EvaluatorName, list[FrameScore]] = field(default_factory=dict)


class Comparison:
    """Measures some methods with some evaluators; the collectors get the scores of the first evaluator."""

    def __init__(
        self,
        methods: Sequence[OpenMethod],
        evaluators: Sequence[EvaluatorName],
        lpips: Lpips | None = None,
        flip: Flip | None = None,
        collectors: Sequence[FrameCollector] = (),
    ) -> None:
        self._methods, self._evaluators, self._collectors = methods, evaluators, collectors
        self._lpips, self._flip = lpips, flip
        self._results: dict[tuple[str, int], list[_MethodResult]] = {}
        self.context = max(method.context for method in methods)

    def measure_pair(self, name: str, factor: int, pair: EvalPair, *, is_held: bool = False) -> None:
        """Interpolate a pair with every method, and add the measurements to the row `name`, `factor`.

        If `is_held`, no method runs, and the nearest frame of the pair counts as the prediction of each.
        """
        stats = luma_stats(pair.pair[0]), luma_stats(pair.pair[1])
        if (name, factor) not in self._results:
            self._results[name, factor] = [_MethodResult() for _ in self._methods]
        for method, result in zip(self._methods, self._results[name, factor], strict=True):
            settings = method.settings_for(pair.pair[0].shape[1], pair.pair[0].shape[0])
            made = list(nearest_frames(pair.times)) if is_held else _make_frames(method, settings, pair, result)
            result.settings[settings] = result.settings.get(settings, False) or not is_held
            for step, frame in enumerate(made):
                predicted = pair.pair[frame is Held.SECOND] if isinstance(frame, Held) else to_uint8(frame)
                self._measure(result, pair, step, predicted, stats, is_held=is_held)
                newest = result.frames[self._evaluators[0]][-1]
                for collector in self._collectors:
                    collector.add(method.entry.label, f"{name} {factor}x", pair, predicted, newest)

    def _measure(
        self,
        result: _MethodResult,
        pair: EvalPair,
        step: int,
        made: Rgb,
        stats: tuple[LumaStats, LumaStats],
        *,
        is_held: bool,
    ) -> None:
        truth = pair.truths[step]
        flicker_of_frame = flicker(luma_stats(made), *stats, float(pair.times[step]))
        lpips = self._lpips.distance(made, truth) if self._lpips else None
        flip = self._flip.distance(made, truth) if self._flip else None
        for name in self._evaluators:
            metrics = measure_frame(EVALUATORS[name], made, truth, pair.mask)
            score = FrameScore(
                case=pair.case,
                number=pair.first + step,
                psnr_db=metrics.psnr_db,
                ssim=metrics.ssim,
                ie=metrics.ie,
                lpips=lpips,
                flip=flip,
                flicker=flicker_of_frame,
                held=is_held,
            )
            result.frames.setdefault(name, []).append(score)

    def scores(self) -> list[Score]:
        """Return the scores by row, evaluator and method."""
        return [
            _score(name, factor, evaluator, method, result)
            for (name, factor), results in self._results.items()
            for evaluator in self._evaluators
            for method, result in zip(self._methods, results, strict=True)
        ]


def _make_frames(method: OpenMethod, settings: SizeSettings, pair: EvalPair, result: _MethodResult) -> Sequence[Frame]:
    interpolator = method.interpolator(settings)
    make = partial(_make_judged_frames if method.entry.doubt != "trust" else _make_plain_frames, method, interpolator)
    if not result.settings.get(settings):
        # Warm up: the first run at a size allocates memory and loads code.
        list(make(pair))
    start = perf_counter()
    made = list(make(pair))
    result.seconds += perf_counter() - start
    result.num_made += len(made)
    return made


def _make_plain_frames(method: OpenMethod, interpolator: AnyInterpolator, pair: EvalPair) -> Iterator[Frame]:
    window = [None if frame is None else to_tensor(frame) for frame in pair.window_for(method.context)]
    return make_frames_on_cpu(interpolator, window, pair.times)


def _make_judged_frames(method: OpenMethod, interpolator: AnyInterpolator, pair: EvalPair) -> Iterator[Frame]:
    """Yield the frames of a method whose doubt is acted on, as a job does."""
    device, doubt = device_of(interpolator), method.entry.doubt
    window = [to_tensor(frame).to(device) for frame in pair.pair]
    overlay = None
    if doubt == "blend":
        around = pair.window_for(overlays.CONTEXT)
        overlay = overlays.static_overlay([frame if frame is None else planes_of(frame) for frame in around])
    for made in judged_frames(interpolator, doubt, window, pair.times, overlay):
        if made.held is not None and made.level is not None and int(made.level) >= HELD_FROM:
            yield made.held
        else:
            yield made.frame if isinstance(made.frame, Held) else made.frame.cpu()


def _score(name: str, factor: int, evaluator: EvaluatorName, method: OpenMethod, result: _MethodResult) -> Score:
    return Score.of(
        result.frames[evaluator],
        name=name,
        factor=factor,
        evaluator=evaluator,
        entry=method.entry,
        settings=tuple(result.settings),
        seconds_per_frame=result.seconds / max(1, result.num_made),
    )
