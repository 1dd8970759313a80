"""The judge of a run: PSNR at 2x and 4x on footage that training never sees.

Windows of 9 frames: at 2x frames 3 and 5 are kept and 4 predicted; at 4x frames 2 and 6 are kept and 3, 4, 5 predicted;
at 8x the first and the last are kept and all between them predicted, which is the large motion of real footage.
Held-out photographs give made scenes with fast motion, by number always the same. Networks run as the product runs
them, in bf16.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from torch import Tensor

from slomo_batch.interpolators.contract import Held, Interpolator
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.settings import Precision
from slomo_batch.training.degrade import DegradeMix
from slomo_batch.training.prepare import Window, film_windows, photographs
from slomo_batch.training.samples import SampleMix, Samples
from slomo_batch.training.scenes import SceneMix

SCENES = {
    "scenes to 15 px": SampleMix(
        film_share=0,
        scenes=SceneMix(max_motion_px=15),
        degrade=DegradeMix(noise_share=0, compression_share=0),
    ),
    "scenes to 60 px": SampleMix(
        film_share=0,
        scenes=SceneMix(max_motion_px=60, still_share=0, small_share=0, medium_share=0.3),
        degrade=DegradeMix(noise_share=0, compression_share=0),
    ),
    "noisy scenes": SampleMix(
        film_share=0,
        scenes=SceneMix(max_motion_px=15),
        degrade=DegradeMix(noise_share=1, compression_share=0.5),
    ),
}
ENDS = {2: (3, 5), 4: (2, 6), 8: (0, 8)}
"""By factor, the frames of a window that are kept."""
NUM_SCENES = 16
SEED = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two frames and what stands between them, [3, H, W], 0 to 1."""

    i0: Tensor
    i1: Tensor
    between: Mapping[Fraction, Tensor]


MAX_VIDEO_WINDOWS = 24


def video_cases(windows: Sequence[Window]) -> dict[str, list[Case]]:
    """Cases of a user's own footage: windows spread evenly over all of it."""
    num = min(len(windows), MAX_VIDEO_WINDOWS)
    shown = [windows[number * len(windows) // num] for number in range(num)]
    return {f"videos {factor}x": [_of_window(window, *ends) for window in shown] for factor, ends in ENDS.items()}


def cases(folder: Path) -> dict[str, list[Case]]:
    """The validation set, by name, from a prepared folder."""
    found = {}
    for part in ("film", "world"):
        windows = film_windows(folder, f"{part}-validation")
        for factor, (first, last) in ENDS.items():
            found[f"{part} {factor}x"] = [_of_window(window, first, last) for window in windows]
    held_out = photographs(folder, held_out=True)
    for name, mix in SCENES.items():
        samples = Samples(held_out, (), mix, seed=SEED)
        found[name] = [_of_sample(samples, number) for number in range(NUM_SCENES)]
    return found


def _of_window(window: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], first: int, last: int) -> Case:
    pictures = [torch.from_numpy(frame.copy()).permute(2, 0, 1).float() / 255 for frame in window[first : last + 1]]
    span = last - first
    between = {Fraction(number, span): pictures[number] for number in range(1, span)}
    return Case(i0=pictures[0], i1=pictures[-1], between=between)


def _of_sample(samples: Samples, number: int) -> Case:
    sample = samples[number]
    i0, frame, i1 = (sample[name].float() / 255 for name in ("seen0", "frame", "seen1"))
    return Case(i0=i0, i1=i1, between={Fraction(float(sample["t"])): frame})


def psnr(made: Tensor, truth: Tensor) -> float:
    """In dB over RGB in 8 bits, of frames 0 to 1."""
    off = (made.clamp(0, 1) * 255).round() - (truth * 255).round()
    return float(10 * torch.log10(255**2 / off.square().mean().clamp(min=1e-6)))


def scores(model: Interpolator, validation: Mapping[str, list[Case]]) -> dict[str, float]:
    """Mean PSNR by name."""
    return {
        name: mean(score for case in those for score in _of_case(model, case)) for name, those in validation.items()
    }


def _of_case(model: Interpolator, case: Case) -> Iterator[float]:
    for made, truth in zip(model.between(case.i0, case.i1, list(case.between)), case.between.values(), strict=True):
        if isinstance(made, Held):
            raise TypeError("a method that holds frames makes none to be judged")
        yield psnr(made, truth)


def judged(
    network: Guided | Paper, validation: Mapping[str, list[Case]], precision: Precision, device: torch.device
) -> dict[str, float]:
    """Scores of a network, and their mean as `mean`."""
    model = SuperSlomo(
        deepcopy(network),
        device=device,
        precision=precision,
        flow_scale=Fraction(1),
        threads=torch.get_num_threads(),
    )
    found = scores(model, validation)
    return {**found, "mean": mean(found.values())}
