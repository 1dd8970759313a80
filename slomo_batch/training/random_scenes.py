"""Random scenes: what is drawn for synthetic samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.training.image_files import Rgb
from slomo_batch.training.scenes import Affine, Layer, Outline, ParallelBars, Scene, affine_around, identity, rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneConfig:
    """How random scenes are generated."""

    max_motion_px: float = 60.0
    """Longest motion of the background, and of a cut-out relative to it."""
    max_cut_outs: int = 4
    still_share: float = 0.08
    """Share of motions of at most a pixel."""
    small_share: float = 0.42
    """Share of motions up to a sixth of the longest."""
    medium_share: float = 0.25
    """Share of motions up to 0.4 of the longest; the rest are up to the longest."""
    affine_share: float = 0.6
    """Share of motions with rotation, zoom and shear."""
    thin_share: float = 0.0
    """Share of cut-outs that are thin: one bar, or a fence of several."""
    pattern_share: float = 0.0
    """Share of layers whose texture is a small part of a photograph, repeated."""
    enlarged_share: float = 0.0
    """Share of layers whose photograph is enlarged 1.5 to 4 times."""
    overlay_share: float = 0.0
    """Share of scenes with still bars on top, as of captions."""
    accelerated_share: float = 0.0
    """Share of layers whose speed changes."""
    blur_share: float = 0.0
    """Share of scenes with motion blur."""
    light_share: float = 0.0
    """Share of scenes whose brightness changes."""


def random_scene(photographs: Sequence[Rgb], config: SceneConfig, rng: np.random.Generator, size_px: int) -> Scene:
    """Draw the layers, the exposure and the light."""
    layers = random_layers(photographs, config, rng, size_px)
    exposure = float(rng.uniform(0.05, 0.5)) if _happens(config.blur_share, rng) else 0.0
    gains = np.exp(rng.normal(0, 0.06, 2)).tolist() if _happens(config.light_share, rng) else (1.0, 1.0)
    return Scene(layers=layers, exposure=exposure, gains=(gains[0], gains[1]))


def _happens(share: float, rng: np.random.Generator) -> bool:
    """Whether something of this share is drawn. Draws no number for a share of 0: it is then as if it did not exist."""
    return share > 0 and rng.random() < share


def random_layers(
    photographs: Sequence[Rgb], config: SceneConfig, rng: np.random.Generator, size_px: int
) -> list[Layer]:
    """Draw a background and 0 to `max_cut_outs` cut-outs from photographs [H, W, 3]."""
    center = np.full(2, (size_px - 1) / 2)
    pan = _random_shift(config, rng)
    motion = affine_around(center, _random_linear(config, rng), pan)
    layers = [_random_layer(photographs, config, rng, size_px, motion=motion)]
    for _ in range(int(rng.integers(0, config.max_cut_outs + 1))):
        outline = _random_bars(rng, size_px) if _happens(config.thin_share, rng) else _random_outline(rng, size_px)
        shift = _random_shift(config, rng) + pan * (rng.random() < 0.6)
        motion = identity() if rng.random() < 0.1 else affine_around(outline.center, _random_linear(config, rng), shift)
        layers.append(_random_layer(photographs, config, rng, size_px, motion=motion, outline=outline))
    if _happens(config.overlay_share, rng):
        for _ in range(int(rng.integers(1, 4))):
            marks = _random_bars(rng, size_px, angle=rng.choice([0.0, np.pi / 2]))
            layers.append(_random_layer(photographs, config, rng, size_px, motion=identity(), outline=marks))
    return layers


def _random_shift(config: SceneConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    share = rng.random() - config.still_share
    longest = config.max_motion_px
    if share < 0:
        longest = 1.0
    elif share < config.small_share:
        longest /= 6
    elif share < config.small_share + config.medium_share:
        longest *= 0.4
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.4:  # cameras often pan horizontally
        angle = rng.choice([0.0, np.pi]) + rng.normal(0, 0.08)
    return float(rng.uniform(0, longest)) * np.array([np.cos(angle), np.sin(angle)])


def _random_linear(config: SceneConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() >= config.affine_share:
        return np.eye(2)
    zoomed: NDArray[np.float64] = rotation(rng.normal(0, 0.03)) * np.exp(rng.normal(0, 0.03))
    return zoomed + rng.normal(0, 0.01, (2, 2))


def _random_outline(rng: np.random.Generator, size_px: int) -> Outline:
    return Outline(
        center=rng.uniform(-0.05, 1.05, 2) * size_px,
        radius_px=float(np.exp(rng.uniform(np.log(0.03), np.log(0.35))) * size_px),
        waves=tuple((k, float(rng.uniform(0, 0.35 / k)), float(rng.uniform(0, 2 * np.pi))) for k in range(1, 6)),
        stretch=float(np.exp(rng.normal(0, 0.7))),
    )


def _random_bars(rng: np.random.Generator, size_px: int, *, angle: float | None = None) -> ParallelBars:
    width_px = float(np.exp(rng.uniform(np.log(1), np.log(8))))
    return ParallelBars(
        center=rng.uniform(0, 1, 2) * size_px,
        angle=float(rng.uniform(0, np.pi)) if angle is None else angle,
        length_px=float(rng.uniform(0.1, 1.2)) * size_px,
        width_px=width_px,
        number=int(rng.choice([1, 1, 2, 3, 5, 8, 12])),
        pitch_px=width_px * float(rng.uniform(1.5, 5)),
    )


def _random_layer(
    photographs: Sequence[Rgb],
    config: SceneConfig,
    rng: np.random.Generator,
    size_px: int,
    *,
    motion: Affine,
    outline: Outline | ParallelBars | None = None,
) -> Layer:
    """Draw a layer: a random crop of a random photograph, randomly rotated and scaled."""
    photograph = photographs[int(rng.integers(len(photographs)))]
    side = min(2 * size_px, *photograph.shape[:2])
    top, left = (int(rng.integers(0, length - side + 1)) for length in photograph.shape[:2])
    window = photograph[top : top + side, left : left + side]
    if rng.random() < 0.5:
        window = window[:, ::-1]
    if _happens(config.pattern_share, rng):
        window = _repeated(window, rng)
    texture_CHW = torch.from_numpy(np.ascontiguousarray(window)).permute(2, 0, 1).float().div_(255)
    linear = rotation(rng.normal(0, 0.15)) * np.exp(rng.uniform(np.log(0.7), np.log(1.6)))
    if _happens(config.enlarged_share, rng):
        linear /= np.exp(rng.uniform(np.log(1.5), np.log(4)))
    middle = np.full(2, (size_px - 1) / 2)
    return Layer(
        texture=_random_tone(texture_CHW, rng),
        placement=affine_around(middle, linear, np.full(2, (side - size_px) / 2)),
        motion=motion,
        outline=outline,
        acceleration=float(rng.uniform(-1, 1)) if _happens(config.accelerated_share, rng) else 0.0,
    )


def _repeated(window: Rgb, rng: np.random.Generator) -> Rgb:
    """Repeat a small part of the picture over all of it."""
    side = len(window)
    height, width = (int(length) for length in np.exp(rng.uniform(np.log(6), np.log(48), 2)))
    top, left = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
    part = window[top : top + height, left : left + width]
    return np.tile(part, (-(-side // height), -(-side // width), 1))[:side, :side]


def _random_tone(texture_CHW: Tensor, rng: np.random.Generator) -> Tensor:
    """Change contrast, brightness and tint at random."""
    gain = torch.tensor(rng.uniform(0.7, 1.15) * rng.uniform(0.9, 1.1, (3, 1, 1)), dtype=torch.float32)
    shift = float(rng.uniform(-0.08, 0.08))
    return texture_CHW.sub_(0.5).mul_(gain).add_(0.5 + shift).clamp_(0, 1)
