"""Training samples by number: sample n of a seed is always the same, whoever makes it and whatever came before.

So a run that goes on from step k sees what it would have seen, and no state of a random generator has to be kept.
Pictures are 8 bits, as a decoder gives them.
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
from slomo_batch.training.degrade import DegradeMix, degraded
from slomo_batch.training.image_files import Rgb
from slomo_batch.training.scenes import SceneMix, drawn_layers, flow, rendered

Sample = dict[str, Tensor]
"""seen0, seen1 (the network's inputs), i0, frame, i1 (clean), uint8 [3, H, W]; t; prior (the flow to begin with, found
in what is seen), flows (the true one) and has_flow: fp16 [4, H / 4, W / 4], in pixels of the picture at half size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMix:
    """How samples are drawn."""

    crop_px: int = 256
    film_share: float = 0.3
    """Share of samples from film; the others are made scenes."""
    spans: tuple[int, ...] = (2, 4, 6)
    """Frames of a film from i0 to i1, at most 8; any of those between may be the one to be predicted."""
    span_shares: tuple[float, ...] = (0.55, 0.35, 0.1)
    """How often each of them."""
    scenes: SceneMix = field(default_factory=SceneMix)
    degrade: DegradeMix = field(default_factory=DegradeMix)


class Samples(Dataset[Sample]):
    """Sample n of a seed."""

    def __init__(
        self, photographs: Sequence[Rgb], film: Sequence[NDArray[np.uint8]], mix: SampleMix, *, seed: int
    ) -> None:
        """Draw from photographs and windows of film, [frames, H, W, 3]; none where no share is theirs."""
        self._photographs = photographs
        self._film = film
        self._mix = mix
        self._seed = seed

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`."""
        rng = np.random.default_rng((self._seed, number))
        made = self._from_film(rng) if rng.random() < self._mix.film_share else self._made(rng)
        i0, frame, i1, flows, t = made
        seen0, seen1 = degraded(i0, i1, self._mix.degrade, rng)
        pictures = {"seen0": seen0, "seen1": seen1, "i0": i0, "frame": frame, "i1": i1}
        sample = {name: _bytes(picture) for name, picture in pictures.items()}
        sample["t"] = torch.tensor(t)
        sample["has_flow"] = torch.tensor(float(flows is not None))
        sample["prior"] = prior_flows(*(sample[name][None].float() / 255 for name in ("seen0", "seen1")))[0].half()
        sample["flows"] = torch.zeros_like(sample["prior"]) if flows is None else flows.half()
        return sample

    def _made(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor | None, float]:
        size = self._mix.crop_px
        t = float(rng.integers(1, 8)) / 8
        layers = drawn_layers(self._photographs, self._mix.scenes, rng, size)
        i0, seen_0 = rendered(layers, 0, size, size)
        i1, seen_1 = rendered(layers, 1, size, size)
        flows = torch.cat((flow(layers, seen_0, 0, 1), flow(layers, seen_1, 1, 0)))
        return i0, rendered(layers, t, size, size)[0], i1, functional.avg_pool2d(flows[None] / 2, 4)[0], t

    def _from_film(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor | None, float]:
        """Three frames of one window; the first or the last may come first."""
        window = self._film[int(rng.integers(len(self._film)))]
        span = int(rng.choice(self._mix.spans, p=self._mix.span_shares))
        first, between = int(rng.integers(0, len(window) - span)), int(rng.integers(1, span))
        size = self._mix.crop_px
        top, left = (int(rng.integers(0, length - size + 1)) for length in window.shape[1:3])
        frames = window[first : first + span + 1 : 1, top : top + size, left : left + size]
        if rng.random() < 0.5:
            frames = frames[:, :, ::-1]
        if rng.random() < 0.5:
            frames = frames[::-1]
        i0, frame, i1 = (_picture(frames[number]) for number in (0, between, span))
        return i0, frame, i1, None, between / span


def _picture(image: Rgb) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float().div_(255)


def _bytes(image_CHW: Tensor) -> Tensor:
    return image_CHW.clamp(0, 1).mul(255).round_().to(torch.uint8)
