"""Training samples by number: sample n of a seed is always the same.

A resumed run therefore sees the same samples as an uninterrupted one, and no state of a random generator is stored.
Pictures have 8 bits, as decoders return them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from slomo_batch.interpolators.superslomo.guided import prior_flows
from slomo_batch.interpolators.superslomo.prior import FIRST, PriorSearch
from slomo_batch.training.degrade import DegradationConfig, degrade_pair
from slomo_batch.training.image_files import Rgb
from slomo_batch.training.random_scenes import SceneConfig, random_scene
from slomo_batch.training.scenes import flow

TrainingSample = dict[str, Tensor]
"""A training sample, or a batch of them:

seen0, seen1: the degraded inputs of the network, uint8 [3, H, W].
i0, frame, i1: the clean frames, likewise.
t: time of `frame`, 0 to 1.
prior: the prior flow of seen0 and seen1, fp16 [4, H / 4, W / 4], in pixels of the half-size picture.
flows: the true flow, likewise; zero if unknown.
has_flow: 1 if the true flow is known, else 0.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleConfig:
    """How samples are generated."""

    crop_px: int = 256
    """Height and width of samples."""
    film_share: float = 0.3
    """Share of samples from film; the others are synthetic scenes."""
    spans: tuple[int, ...] = (2, 4, 6)
    """Distances in frames from i0 to i1 in film, at most 8; any frame between may be the target."""
    span_shares: tuple[float, ...] = (0.55, 0.35, 0.1)
    """Probability of each distance."""
    scenes: SceneConfig = field(default_factory=SceneConfig)
    degrade: DegradationConfig = field(default_factory=DegradationConfig)


class SampleDataset(Dataset[TrainingSample]):
    """A map-style data set of generated samples."""

    def __init__(
        self,
        photographs: Sequence[Rgb],
        film: Sequence[NDArray[np.uint8]],
        config: SampleConfig,
        *,
        seed: int,
        prior: PriorSearch = FIRST,
    ) -> None:
        """Use photographs, [H, W, 3], and film windows, [frames, H, W, 3]; either may be empty if its share is 0."""
        self._photographs = photographs
        self._film = film
        self._config = config
        self._seed = seed
        self._prior = prior

    def __getitem__(self, number: int) -> TrainingSample:
        """Generate sample `number`."""
        rng = np.random.default_rng((self._seed, number))
        made = self._from_film(rng) if rng.random() < self._config.film_share else self._synthetic(rng)
        i0, frame, i1, flows, t = made
        seen0, seen1 = degrade_pair(i0, i1, self._config.degrade, rng)
        pictures = {"seen0": seen0, "seen1": seen1, "i0": i0, "frame": frame, "i1": i1}
        sample = {name: _to_uint8(picture) for name, picture in pictures.items()}
        sample["t"] = torch.tensor(t)
        sample["has_flow"] = torch.tensor(float(flows is not None))
        i0_seen, i1_seen = (sample[name][None].float() / 255 for name in ("seen0", "seen1"))
        sample["prior"] = prior_flows(i0_seen, i1_seen, self._prior)[0].half()
        sample["flows"] = torch.zeros_like(sample["prior"]) if flows is None else flows.half()
        return sample

    def _synthetic(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor | None, float]:
        size = self._config.crop_px
        t = float(rng.integers(1, 8)) / 8
        scene = random_scene(self._photographs, self._config.scenes, rng, size)
        i0, seen_0 = scene.picture(0, size, size)
        i1, seen_1 = scene.picture(1, size, size)
        flows = torch.cat((flow(scene.layers, seen_0, 0, 1), flow(scene.layers, seen_1, 1, 0)))
        return i0, scene.picture(t, size, size)[0], i1, functional.avg_pool2d(flows[None] / 2, 4)[0], t

    def _from_film(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor | None, float]:
        """Three frames of a random window and crop, mirrored or reversed in time at random."""
        window = self._film[int(rng.integers(len(self._film)))]
        span = int(rng.choice(self._config.spans, p=self._config.span_shares))
        first, between = int(rng.integers(0, len(window) - span)), int(rng.integers(1, span))
        size = self._config.crop_px
        top, left = (int(rng.integers(0, length - size + 1)) for length in window.shape[1:3])
        frames = window[first : first + span + 1 : 1, top : top + size, left : left + size]
        if rng.random() < 0.5:
            frames = frames[:, :, ::-1]
        if rng.random() < 0.5:
            frames = frames[::-1]
        i0, frame, i1 = (_to_tensor(frames[number]) for number in (0, between, span))
        return i0, frame, i1, None, between / span


def _to_tensor(image: Rgb) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float().div_(255)


def _to_uint8(image_CHW: Tensor) -> Tensor:
    return image_CHW.clamp(0, 1).mul(255).round_().to(torch.uint8)
