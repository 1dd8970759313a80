"""Training samples by number: sample n of a seed is always the same.

A resumed run therefore sees the same samples as an uninterrupted one, and no state of a random generator is stored.
Pictures have 8 bits, as decoders return them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from slomo_batch.interpolators.superslomo.guided import prior_flows
from slomo_batch.interpolators.superslomo.prior import FIRST, PriorSearch
from slomo_batch.training.degrade import DegradationConfig, degrade_pair
from slomo_batch.training.guide import Guide
from slomo_batch.training.image_files import Rgb
from slomo_batch.training.random_scenes import SceneConfig, random_scene
from slomo_batch.training.scenes import flow, visible

TrainingSample = dict[str, Tensor]
"""A training sample, or a batch of them:

seen0, seen1: the degraded inputs of the network, uint8 [3, H, W].
i0, frame, i1: the clean frames, likewise.
t: time of `frame`, 0 to 1.
prior: the prior flow of seen0 and seen1, fp16 [4, H / 4, W / 4], in pixels of the half-size picture.
flows: the true flow, likewise; zero if unknown.
has_flow: 1 if the true flow is known, else 0.

Instead of the prior flow, those for `matched` have:

flows_t: the flow from t to i0 and to i1, like `flows`: the true one if it is known, else that of the teacher.
visible: where what is seen at t is seen in i0 and in i1, fp16 [2, H / 2, W / 2], 0 to 1; zero if unknown.
taught_error: mean absolute error of the teacher's frame, fp16 [1, H / 4, W / 4]; infinite without a teacher.
guide: the guide's flow of seen0 and seen1, like `flows`; zero if the true flow is known, or without a guide.
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
    stored: int = 0
    """Number of samples that are made once and then used again and again, each time another part of them, mirrored,
    turned, reversed in time or recolored; 0: each sample is new."""
    margin_px: int = 32
    """Pixels by which a stored sample is higher and wider than the part that is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """The true motion of a made scene, as in samples."""

    flows: Tensor
    flows_t: Tensor
    visible: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """Three clean frames; the motion between them is known in a made scene."""

    i0: Tensor
    frame: Tensor
    i1: Tensor
    t: float
    motion: Motion | None


class Teacher(Protocol):
    """Another network, whose flow is learned from where its frame is the better one."""

    def flows_t(self, i0_CHW: Tensor, i1_CHW: Tensor, frame_CHW: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Return `flows_t` and `taught_error` of a sample, given its clean frames."""


class SampleDataset(Dataset[TrainingSample]):
    """A map-style data set of generated samples."""

    def __init__(
        self,
        photographs: Sequence[Rgb],
        film: Sequence[NDArray[np.uint8]],
        config: SampleConfig,
        *,
        seed: int,
        prior: PriorSearch | None = FIRST,
        teacher: Teacher | None = None,
        guide: Guide | None = None,
    ) -> None:
        """Use photographs, [H, W, 3], and film windows, [frames, H, W, 3]; either may be empty if its share is 0.

        `prior`: how the prior flow is found; None: samples are those of `matched`, with a teacher and a guide if
        there are any.
        """
        self._photographs = photographs
        self._film = film
        self._config = config
        self._seed = seed
        self._prior = prior
        self._teacher, self._guide = teacher, guide

    def __getitem__(self, number: int) -> TrainingSample:
        """Generate sample `number`."""
        rng = np.random.default_rng((self._seed, number))
        made = self._from_film(rng) if rng.random() < self._config.film_share else self._synthetic(rng)
        seen0, seen1 = degrade_pair(made.i0, made.i1, self._config.degrade, rng)
        pictures = {"seen0": seen0, "seen1": seen1, "i0": made.i0, "frame": made.frame, "i1": made.i1}
        sample = {name: _to_uint8(picture) for name, picture in pictures.items()}
        sample["t"] = torch.tensor(made.t)
        sample["has_flow"] = torch.tensor(float(made.motion is not None))
        quarter = self._config.crop_px // 4
        sample["flows"] = torch.zeros(4, quarter, quarter).half() if made.motion is None else made.motion.flows.half()
        i0_seen, i1_seen = (sample[name].float() / 255 for name in ("seen0", "seen1"))
        if self._prior is None:
            sample["guide"] = torch.zeros_like(sample["flows"])
            if made.motion is None and self._guide is not None:
                sample["guide"] = self._guide.flows(i0_seen, i1_seen).half()
            return sample | self._motion_at_t(made)
        sample["prior"] = prior_flows(i0_seen[None], i1_seen[None], self._prior)[0].half()
        return sample

    def _motion_at_t(self, made: _Moment) -> TrainingSample:
        quarter = self._config.crop_px // 4
        error = torch.full((1, quarter, quarter), torch.inf)
        if made.motion is not None:
            flows_t, visible_HW = made.motion.flows_t, made.motion.visible
        else:
            flows_t, visible_HW = torch.zeros(4, quarter, quarter), torch.zeros(2, 2 * quarter, 2 * quarter)
            if self._teacher is not None:
                flows_t, error = self._teacher.flows_t(made.i0, made.i1, made.frame, made.t)
        return {"flows_t": flows_t.half(), "visible": visible_HW.half(), "taught_error": error.half()}

    def _synthetic(self, rng: np.random.Generator) -> _Moment:
        size = self._config.crop_px
        t = float(rng.integers(1, 8)) / 8
        scene = random_scene(self._photographs, self._config.scenes, rng, size)
        i0, seen_0 = scene.picture(0, size, size)
        i1, seen_1 = scene.picture(1, size, size)
        frame, seen_t = scene.picture(t, size, size)
        flows = torch.cat((flow(scene.layers, seen_0, 0, 1), flow(scene.layers, seen_1, 1, 0)))
        to_0, in_0 = visible(scene.layers, seen_t, t, seen_0, 0)
        to_1, in_1 = visible(scene.layers, seen_t, t, seen_1, 1)
        motion = Motion(
            flows=_at_quarter(flows),
            flows_t=_at_quarter(torch.cat((to_0, to_1))),
            visible=functional.avg_pool2d(torch.stack((in_0, in_1))[None], 2)[0],
        )
        return _Moment(i0=i0, frame=frame, i1=i1, t=t, motion=motion)

    def _from_film(self, rng: np.random.Generator) -> _Moment:
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
        return _Moment(i0=i0, frame=frame, i1=i1, t=between / span, motion=None)


def _at_quarter(flows: Tensor) -> Tensor:
    """At a quarter of the resolution, in pixels of the half-size picture."""
    return functional.avg_pool2d(flows[None] / 2, 4)[0]


def _to_tensor(image: Rgb) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float().div_(255)


def _to_uint8(image_CHW: Tensor) -> Tensor:
    return image_CHW.clamp(0, 1).mul(255).round_().to(torch.uint8)
