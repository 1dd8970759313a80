"""Made scenes: layers cut from photographs, each under its own affine motion, with the exact flow between two times.

A layer's points are named by where they stand at time 0. Its motion is linear in time: the point p stands at
p + t (M p - p), so every point moves on a straight line at constant speed, as the paper's linear fit assumes. Pictures
are sampled from the photograph through one placement at all times, so that no time is sharper than another.
Coordinates are pixels, x first; flows are [2, H, W], across first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Affine = NDArray[np.float64]
"""[2, 3]: x -> A x + b."""

EDGE_PX = 1.5
"""Width over which the edge of a cut-out goes from nothing to everything."""


def identity() -> Affine:
    """The affine map that leaves all where it is."""
    return np.eye(2, 3)


def about(centre: NDArray[np.float64], linear: NDArray[np.float64], shift: NDArray[np.float64]) -> Affine:
    """`linear` around `centre`, then moved by `shift`."""
    return np.column_stack((linear, centre + shift - linear @ centre))


def inverse(affine: Affine) -> Affine:
    """The map back."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack((linear, -linear @ affine[:, 2]))


def composed(outer: Affine, inner: Affine) -> Affine:
    """First `inner`, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack((linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A closed shape: around its centre, the radius as a cosine series of the angle, stretched along one axis."""

    centre: NDArray[np.float64]
    radius_px: float
    waves: tuple[tuple[int, float, float], ...] = ()
    """Periods per turn, share of the radius, phase."""
    stretch: float = 1.0
    """Height over width."""

    def cover(self, x_HW: Tensor, y_HW: Tensor) -> Tensor:
        """0 outside, 1 inside, at points of the layer."""
        across, down = x_HW - self.centre[0], (y_HW - self.centre[1]) / self.stretch
        edge_HW = torch.full_like(x_HW, self.radius_px)
        if self.waves:
            angle_HW = torch.atan2(down, across)
            for periods, share, phase in self.waves:
                edge_HW += self.radius_px * share * torch.cos(periods * angle_HW + phase)
        return ((edge_HW - torch.hypot(across, down)) / EDGE_PX + 0.5).clamp_(0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Something flat that moves."""

    texture: Tensor
    """[3, H, W]: part of a photograph, RGB 0 to 1; beyond its border it is mirrored."""
    placement: Affine
    """From points of the layer to pixels of the texture."""
    motion: Affine
    """From where a point stands at 0 to where it stands at 1."""
    outline: Outline | None = None
    """None: it fills the picture."""

    def at(self, t: float) -> Affine:
        """From where a point stands at 0 to where it stands at t."""
        return (1 - t) * identity() + t * self.motion


def points(affine: Affine, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where the affine map takes the pixels of a picture: x and y."""
    (a, b, c), (d, e, f) = affine.tolist()
    x_W = torch.arange(width, dtype=torch.float32)
    y_H1 = torch.arange(height, dtype=torch.float32)[:, None]
    return a * x_W + (b * y_H1 + c), d * x_W + (e * y_H1 + f)


def rendered(layers: Sequence[Layer], t: float, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The picture at t, the later layers over the earlier; and the number of the layer seen at each pixel."""
    picture_CHW = torch.zeros(3, height, width)
    seen_HW = torch.zeros(height, width, dtype=torch.int64)
    for number, layer in enumerate(layers):
        to_layer = inverse(layer.at(t))
        colour_CHW = _sampled(layer.texture, *points(composed(layer.placement, to_layer), height, width))
        if layer.outline is None:
            picture_CHW = colour_CHW
            seen_HW.fill_(number)
            continue
        cover_HW = layer.outline.cover(*points(to_layer, height, width))
        picture_CHW = torch.lerp(picture_CHW, colour_CHW, cover_HW)
        seen_HW[cover_HW > 0.5] = number
    return picture_CHW, seen_HW


def _sampled(texture_CHW: Tensor, x_HW: Tensor, y_HW: Tensor) -> Tensor:
    height, width = texture_CHW.shape[-2:]
    grid_HW2 = torch.stack((x_HW * (2 / (width - 1)) - 1, y_HW * (2 / (height - 1)) - 1), dim=-1)
    return functional.grid_sample(texture_CHW[None], grid_HW2[None], padding_mode="reflection", align_corners=True)[0]


def flow(layers: Sequence[Layer], seen_HW: Tensor, start: float, end: float) -> Tensor:
    """How far what is seen at time `start` is displaced at time `end`, [2, H, W]."""
    height, width = seen_HW.shape
    flow_2HW = torch.zeros(2, height, width)
    x_W, y_H1 = torch.arange(width, dtype=torch.float32), torch.arange(height, dtype=torch.float32)[:, None]
    for number, layer in enumerate(layers):
        mine_HW = seen_HW == number
        x_HW, y_HW = points(composed(layer.at(end), inverse(layer.at(start))), height, width)
        flow_2HW[0] = torch.where(mine_HW, x_HW - x_W, flow_2HW[0])
        flow_2HW[1] = torch.where(mine_HW, y_HW - y_H1, flow_2HW[1])
    return flow_2HW


# ---- scenes at random ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneMix:
    """How scenes are drawn."""

    max_motion_px: float = 60.0
    """Longest motion of a background, and of a cut-out against it."""
    max_cut_outs: int = 4
    still_share: float = 0.08
    """Share of motions of at most a pixel."""
    small_share: float = 0.42
    """Share of motions up to a sixth of the longest."""
    medium_share: float = 0.25
    """Share of motions up to 0.4 of the longest; the rest may be as long as it gets."""
    affine_share: float = 0.6
    """Share of motions that turn, zoom and shear too."""


def drawn_layers(
    photographs: Sequence[NDArray[np.uint8]], mix: SceneMix, rng: np.random.Generator, size_px: int
) -> list[Layer]:
    """A background and 0 to `max_cut_outs` cut-outs, from photographs [H, W, 3]."""
    centre = np.full(2, (size_px - 1) / 2)
    pan = _drawn_shift(mix, rng)
    layers = [_drawn_layer(photographs, rng, size_px, motion=about(centre, _drawn_linear(mix, rng), pan))]
    for _ in range(int(rng.integers(0, mix.max_cut_outs + 1))):
        outline = _drawn_outline(rng, size_px)
        shift = _drawn_shift(mix, rng) + pan * (rng.random() < 0.6)
        motion = identity() if rng.random() < 0.1 else about(outline.centre, _drawn_linear(mix, rng), shift)
        layers.append(_drawn_layer(photographs, rng, size_px, motion=motion, outline=outline))
    return layers


def _drawn_shift(mix: SceneMix, rng: np.random.Generator) -> NDArray[np.float64]:
    share = rng.random() - mix.still_share
    longest = mix.max_motion_px
    if share < 0:
        longest = 1.0
    elif share < mix.small_share:
        longest /= 6
    elif share < mix.small_share + mix.medium_share:
        longest *= 0.4
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.4:  # cameras pan across more often than not
        angle = rng.choice([0.0, np.pi]) + rng.normal(0, 0.08)
    return float(rng.uniform(0, longest)) * np.array([np.cos(angle), np.sin(angle)])


def _drawn_linear(mix: SceneMix, rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() >= mix.affine_share:
        return np.eye(2)
    zoomed: NDArray[np.float64] = _turned(rng.normal(0, 0.03)) * np.exp(rng.normal(0, 0.03))
    return zoomed + rng.normal(0, 0.01, (2, 2))


def _turned(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _drawn_outline(rng: np.random.Generator, size_px: int) -> Outline:
    return Outline(
        centre=rng.uniform(-0.05, 1.05, 2) * size_px,
        radius_px=float(np.exp(rng.uniform(np.log(0.03), np.log(0.35))) * size_px),
        waves=tuple((k, float(rng.uniform(0, 0.35 / k)), float(rng.uniform(0, 2 * np.pi))) for k in range(1, 6)),
        stretch=float(np.exp(rng.normal(0, 0.7))),
    )


def _drawn_layer(
    photographs: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    size_px: int,
    *,
    motion: Affine,
    outline: Outline | None = None,
) -> Layer:
    """A random window of a random photograph, turned and scaled at random."""
    photograph = photographs[int(rng.integers(len(photographs)))]
    side = min(2 * size_px, *photograph.shape[:2])
    top, left = (int(rng.integers(0, length - side + 1)) for length in photograph.shape[:2])
    window = photograph[top : top + side, left : left + side]
    if rng.random() < 0.5:
        window = window[:, ::-1]
    texture_CHW = torch.from_numpy(np.ascontiguousarray(window)).permute(2, 0, 1).float().div_(255)
    linear = _turned(rng.normal(0, 0.15)) * np.exp(rng.uniform(np.log(0.7), np.log(1.6)))
    middle = np.full(2, (size_px - 1) / 2)
    return Layer(
        texture=_toned(texture_CHW, rng),
        placement=about(middle, linear, np.full(2, (side - size_px) / 2)),
        motion=motion,
        outline=outline,
    )


def _toned(texture_CHW: Tensor, rng: np.random.Generator) -> Tensor:
    """Another contrast, brightness and tint."""
    gain = torch.tensor(rng.uniform(0.7, 1.15) * rng.uniform(0.9, 1.1, (3, 1, 1)), dtype=torch.float32)
    shift = float(rng.uniform(-0.08, 0.08))
    return texture_CHW.sub_(0.5).mul_(gain).add_(0.5 + shift).clamp_(0, 1)
