"""What blending in doubt gains and costs: PSNR of hard scenes and of footage, trusted and blended (make bench).

SLOMO_FOOTAGE can name the clips to measure instead of the ladder's, with colons between their paths.
"""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import pytest
from torch import Tensor

from slomo_batch.evaluation.evaluate import evaluate_clips
from slomo_batch.evaluation.methods import OpenMethod, SizeSettings, method_choices
from slomo_batch.evaluation.report import ClipProtocol
from slomo_batch.interpolators.contract import AnyInterpolator, Held
from slomo_batch.steps.judged_frames import judged_frames
from tests.benchmarks.hard_scenes import SCENES, write_scene
from tests.interpolators.footage import real_clip

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
LADDER = ("bikes", "bigbuckbunny", "carphone_pristine")
WORST_SHARE = 0.05


class BlendedInDoubt:
    """A method, blended where it doubts its frames; without overlays, for which two frames are too few."""

    def __init__(self, method: AnyInterpolator) -> None:
        self._method = method

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor | Held]:
        for made in judged_frames(self._method, "blend", (i0_CHW, i1_CHW), times):
            yield made.frame


class OpenBlended(OpenMethod):
    """A method that is opened to be blended in doubt."""

    def interpolator(self, settings: SizeSettings) -> AnyInterpolator:
        """Return the method with these settings, blended in doubt."""
        return BlendedInDoubt(super().interpolator(settings))


def psnr_of(clips: list[str], protocol: ClipProtocol, method: str) -> dict[tuple[str, int], list[list[float]]]:
    """PSNR of every frame by clip and factor: trusted, then blended."""
    [choice] = method_choices([method], ["compact"], None)
    opened = [kind(choice, precision="fp32", threads=1) for kind in (OpenMethod, OpenBlended)]
    report = evaluate_clips(clips, opened, protocol, on_progress=lambda _: None)
    found: dict[tuple[str, int], list[list[float]]] = {}
    for score in report.scores:
        found.setdefault((score.name, score.factor), []).append(
            [frame.psnr_db for frame in score.frames if frame.psnr_db is not None and not frame.held]
        )
    return found


def line(name: str, trusted: list[float], blended: list[float]) -> str:
    """A row: means, and the mean of the worst frames of trust with the same frames of blend."""
    both = sorted(zip(trusted, blended, strict=True))
    worst = both[: max(1, round(WORST_SHARE * len(both)))]
    means = [fmean(column) for rows in (both, worst) for column in zip(*rows, strict=True)]
    return f"| {name} | {len(both)} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |"


@pytest.mark.parametrize("method", ["superslomo", "flow"])
def test_hard_scenes(method: str, tmp_path: Path) -> None:
    protocol = ClipProtocol(skip=0, frames=None, max_width=None, factors=(2,), cuts="ignore")
    for scene in SCENES:
        [(trusted, blended)] = psnr_of([str(write_scene(scene, tmp_path))], protocol, method).values()
        print(line(f"{method}, {scene}", trusted, blended))  # noqa: T201 the product of a benchmark
        assert min(blended) > min(trusted) - 0.1
        assert fmean(blended) > fmean(trusted) - 0.1


@pytest.mark.parametrize("method", ["superslomo", "flow"])
def test_footage(method: str) -> None:
    named = os.environ.get("SLOMO_FOOTAGE", "")
    clips = named.split(":") if named else [str(real_clip(name)) for name in LADDER]
    protocol = ClipProtocol(skip=20, frames=41, max_width=640, factors=(2, 4, 8), cuts="hold")
    by_row = psnr_of(clips, protocol, method)
    for (clip, factor), (trusted, blended) in by_row.items():
        print(line(f"{method}, {clip} {factor}x", trusted, blended))  # noqa: T201 as above
    for factor in protocol.factors:
        rows = [both for (_, of), both in by_row.items() if of == factor]
        trusted, blended = ([value for both in rows for value in both[column]] for column in (0, 1))
        print(line(f"{method}, all {factor}x", trusted, blended))  # noqa: T201 as above
        assert fmean(blended) > fmean(trusted)
