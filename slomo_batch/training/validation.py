"""Validation of a run: PSNR at 2x, 4x and 8x on footage that training never sees, and on synthetic scenes.

In each window of 9 frames, at 2x frames 3 and 5 are kept and 4 is predicted; at 4x frames 2 and 6 are kept and 3, 4, 5
are predicted; at 8x the first and last are kept and all between are predicted, which tests large real motion. Synthetic
scenes with fast motion come from held-out photographs, with fixed sample numbers. Networks run as in a job, in the
precision of the config.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

from slomo_batch.interpolators.contract import Held, PairInterpolator, make_frames_on_cpu
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.settings import Precision
from slomo_batch.training.degrade import DegradationConfig
from slomo_batch.training.prepare import Window, load_photographs, open_film_windows
from slomo_batch.training.random_scenes import SceneConfig
from slomo_batch.training.samples import SampleConfig, SampleDataset

SCENES = {
    "scenes to 15 px": SampleConfig(
        film_share=0,
        scenes=SceneConfig(max_motion_px=15),
        degrade=DegradationConfig(noise_share=0, compression_share=0),
    ),
    "scenes to 60 px": SampleConfig(
        film_share=0,
        scenes=SceneConfig(max_motion_px=60, still_share=0, small_share=0, medium_share=0.3),
        degrade=DegradationConfig(noise_share=0, compression_share=0),
    ),
    "noisy scenes": SampleConfig(
        film_share=0,
        scenes=SceneConfig(max_motion_px=15),
        degrade=DegradationConfig(noise_share=1, compression_share=0.5),
    ),
}
KEPT_FRAMES = {2: (3, 5), 4: (2, 6), 8: (0, 8)}
"""The two frames of a window that are kept, by factor."""
NUM_SCENES = 16
SEED = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationPair:
    """Two frames and the true frames between them by time, RGB [3, H, W], 0 to 255: they are kept for the whole run."""

    i0: Tensor
    i1: Tensor
    between: Mapping[Fraction, Tensor]


MAX_VIDEO_WINDOWS = 24


def video_pairs(windows: Sequence[Window]) -> dict[str, list[ValidationPair]]:
    """Return pairs of the user's own footage by name, from evenly spaced windows."""
    num = min(len(windows), MAX_VIDEO_WINDOWS)
    shown = [windows[number * len(windows) // num] for number in range(num)]
    return _of_windows("videos", shown)


def prepared_pairs(folder: Path) -> dict[str, list[ValidationPair]]:
    """Return the pairs of the prepared validation set, by name."""
    found: dict[str, list[ValidationPair]] = {}
    for part in ("film", "world"):
        found |= _of_windows(part, open_film_windows(folder, f"{part}-validation"))
    held_out = load_photographs(folder, held_out=True)
    for name, mix in SCENES.items():
        samples = SampleDataset(held_out, (), mix, seed=SEED)
        found[name] = [_of_sample(samples, number) for number in range(NUM_SCENES)]
    return found


def _of_windows(part: str, windows: Iterable[Window]) -> dict[str, list[ValidationPair]]:
    """Return the pairs of all windows by part and factor; those of a window share its pictures."""
    found: dict[str, list[ValidationPair]] = {f"{part} {factor}x": [] for factor in KEPT_FRAMES}
    for window in windows:
        pictures = [torch.from_numpy(frame.copy()).permute(2, 0, 1) for frame in window]
        for factor, (first, last) in KEPT_FRAMES.items():
            between = {Fraction(number - first, last - first): pictures[number] for number in range(first + 1, last)}
            found[f"{part} {factor}x"].append(ValidationPair(i0=pictures[first], i1=pictures[last], between=between))
    return found


def _of_sample(samples: SampleDataset, number: int) -> ValidationPair:
    sample = samples[number]
    i0, frame, i1 = (sample[name] for name in ("seen0", "frame", "seen1"))
    return ValidationPair(i0=i0, i1=i1, between={Fraction(float(sample["t"])): frame})


def psnr(made: Tensor, truth: Tensor) -> float:
    """PSNR in dB of a frame 0 to 1, rounded to 8 bits, against the true one, 0 to 255."""
    off = (made.clamp(0, 1) * 255).round() - truth
    return float(10 * torch.log10(255**2 / off.square().mean().clamp(min=1e-6)))


def mean_psnr(model: PairInterpolator, validation: Mapping[str, list[ValidationPair]]) -> dict[str, float]:
    """Return the mean PSNR in dB by name."""
    return {
        name: mean(score for pair in those for score in _of_case(model, pair)) for name, those in validation.items()
    }


def _of_case(model: PairInterpolator, pair: ValidationPair) -> Iterator[float]:
    ends = pair.i0.float() / 255, pair.i1.float() / 255
    frames = make_frames_on_cpu(model, ends, list(pair.between))
    for made, truth in zip(frames, pair.between.values(), strict=True):
        if isinstance(made, Held):
            raise TypeError("a method that holds source frames cannot be validated")
        yield psnr(made, truth)


def validate_network(
    network: Guided | Matched | Paper,
    validation: Mapping[str, list[ValidationPair]],
    precision: Precision,
    device: torch.device,
) -> dict[str, float]:
    """Return the mean PSNR of a network by name in dB, and the mean of these as `mean`."""
    model = SuperSlomo(
        deepcopy(network),
        device=device,
        precision=precision,
        flow_scale=Fraction(1),
        threads=torch.get_num_threads(),
    )
    found = mean_psnr(model, validation)
    return {**found, "mean": mean(found.values())}
