"""Synthetic scenes: layers cut from photographs, each with its own affine motion, and their exact optical flow.

Points of a layer are identified by their position p at time 0. At time t they are at p + s (M p - p). For a layer of
constant speed, s is t, as the paper's intermediate flows assume. Pictures at all times are resampled from the
photograph in the same way, so that no time is sharper than another.
Coordinates are pixels, x first; flows are [2, H, W], horizontal first.
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
"""Width of the soft edge of a cut-out."""


def identity() -> Affine:
    """Return the identity map."""
    return np.eye(2, 3)


def affine_around(center: NDArray[np.float64], linear: NDArray[np.float64], shift: NDArray[np.float64]) -> Affine:
    """Return the map that applies `linear` around `center`, then adds `shift`."""
    return np.column_stack((linear, center + shift - linear @ center))


def rotation(angle: float) -> NDArray[np.float64]:
    """Return the matrix that rotates by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def inverse(affine: Affine) -> Affine:
    """Return the inverse map."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack((linear, -linear @ affine[:, 2]))


def compose(outer: Affine, inner: Affine) -> Affine:
    """Return the map that applies `inner` first, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack((linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A closed shape: the radius is a cosine series of the angle around the center, with a vertical stretch."""

    center: NDArray[np.float64]
    radius_px: float
    waves: tuple[tuple[int, float, float], ...] = ()
    """Terms of the series: periods per turn, amplitude as a share of the radius, phase."""
    stretch: float = 1.0
    """Ratio of height to width."""

    def coverage(self, x_HW: Tensor, y_HW: Tensor) -> Tensor:
        """Return the coverage at points of the layer: 0 outside, 1 inside."""
        across, down = x_HW - self.center[0], (y_HW - self.center[1]) / self.stretch
        edge_HW = torch.full_like(x_HW, self.radius_px)
        if self.waves:
            angle_HW = torch.atan2(down, across)
            for periods, share, phase in self.waves:
                edge_HW += self.radius_px * share * torch.cos(periods * angle_HW + phase)
        return _soft(edge_HW - torch.hypot(across, down))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelBars:
    """Parallel thin bars, as of a fence, a railing or a line of text."""

    center: NDArray[np.float64]
    angle: float
    """Direction of the bars, radians."""
    length_px: float
    width_px: float
    number: int = 1
    pitch_px: float = 0.0
    """From the middle of one bar to that of the next."""

    def coverage(self, x_HW: Tensor, y_HW: Tensor) -> Tensor:
        """Return the coverage at points of the layer: 0 outside, 1 inside."""
        across, down = x_HW - self.center[0], y_HW - self.center[1]
        along_HW = across * np.cos(self.angle) + down * np.sin(self.angle)
        off_HW = down * np.cos(self.angle) - across * np.sin(self.angle)
        if self.number > 1:
            last = (self.number - 1) / 2
            nearest_HW = (off_HW / self.pitch_px + last).round_().clamp_(0, 2 * last) - last
            off_HW = off_HW - self.pitch_px * nearest_HW
        return _soft(self.width_px / 2 - off_HW.abs()) * _soft(self.length_px / 2 - along_HW.abs())


def _soft(inside_HW: Tensor) -> Tensor:
    """Coverage by the distance from the edge, positive inside."""
    return (inside_HW / EDGE_PX + 0.5).clamp_(0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A flat textured object in motion."""

    texture: Tensor
    """[3, H, W]: part of a photograph, RGB 0 to 1; mirrored beyond its border."""
    placement: Affine
    """Map from points of the layer to pixels of the texture."""
    motion: Affine
    """Map from the position of a point at time 0 to its position at time 1."""
    outline: Outline | ParallelBars | None = None
    """None: the layer fills the picture."""
    acceleration: float = 0.0
    """Speed at time 1 less that at time 0, as a share of the mean speed; from -1 to 1."""

    def at(self, t: float) -> Affine:
        """Return the map from positions at time 0 to positions at time t."""
        share = t - self.acceleration * t * (1 - t) / 2
        return (1 - share) * identity() + share * self.motion


def points(affine: Affine, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Map the pixel positions of a picture; return x and y, [H, W] each."""
    (a, b, c), (d, e, f) = affine.tolist()
    x_W = torch.arange(width, dtype=torch.float32)
    y_H1 = torch.arange(height, dtype=torch.float32)[:, None]
    return a * x_W + (b * y_H1 + c), d * x_W + (e * y_H1 + f)


def render(layers: Sequence[Layer], t: float, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Render the picture at t, [3, H, W], later layers on top; and the index of the visible layer, [H, W]."""
    picture_CHW = torch.zeros(3, height, width)
    seen_HW = torch.zeros(height, width, dtype=torch.int64)
    for number, layer in enumerate(layers):
        to_layer = inverse(layer.at(t))
        color_CHW = _sampled(layer.texture, *points(compose(layer.placement, to_layer), height, width))
        if layer.outline is None:
            picture_CHW = color_CHW
            seen_HW.fill_(number)
            continue
        coverage_HW = layer.outline.coverage(*points(to_layer, height, width))
        picture_CHW = torch.lerp(picture_CHW, color_CHW, coverage_HW)
        seen_HW[coverage_HW > 0.5] = number
    return picture_CHW, seen_HW


def _sampled(texture_CHW: Tensor, x_HW: Tensor, y_HW: Tensor) -> Tensor:
    height, width = texture_CHW.shape[-2:]
    grid_HW2 = torch.stack((x_HW * (2 / (width - 1)) - 1, y_HW * (2 / (height - 1)) - 1), dim=-1)
    return functional.grid_sample(texture_CHW[None], grid_HW2[None], padding_mode="reflection", align_corners=True)[0]


def visible(
    layers: Sequence[Layer], seen_HW: Tensor, start: float, other_HW: Tensor, end: float
) -> tuple[Tensor, Tensor]:
    """Return the flow from time `start` to `end`, [2, H, W], and where what it leads to is seen at `end`, [H, W].

    `seen_HW` and `other_HW` are the layers visible at both times. What is hidden by another layer at `end`, or outside
    of the picture, has 0; all else 1.
    """
    height, width = seen_HW.shape
    moves_2HW = flow(layers, seen_HW, start, end)
    x = (moves_2HW[0] + torch.arange(width)).round().long()
    y = (moves_2HW[1] + torch.arange(height)[:, None]).round().long()
    is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found_HW = other_HW[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    return moves_2HW, (is_inside & (found_HW == seen_HW)).float()


def flow(layers: Sequence[Layer], seen_HW: Tensor, start: float, end: float) -> Tensor:
    """Return the flow from time `start` to `end`, [2, H, W], of the layers visible at `start`."""
    height, width = seen_HW.shape
    flow_2HW = torch.zeros(2, height, width)
    x_W, y_H1 = torch.arange(width, dtype=torch.float32), torch.arange(height, dtype=torch.float32)[:, None]
    for number, layer in enumerate(layers):
        mine_HW = seen_HW == number
        x_HW, y_HW = points(compose(layer.at(end), inverse(layer.at(start))), height, width)
        flow_2HW[0] = torch.where(mine_HW, x_HW - x_W, flow_2HW[0])
        flow_2HW[1] = torch.where(mine_HW, y_HW - y_H1, flow_2HW[1])
    return flow_2HW


EXPOSURE_TAPS = 5
"""Pictures that are averaged for one with motion blur."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Layers in motion, and how a camera sees them."""

    layers: Sequence[Layer]
    exposure: float = 0.0
    """Share of the time from 0 to 1 for which the shutter is open; 0: no motion blur."""
    gains: tuple[float, float] = (1.0, 1.0)
    """Factors on the brightness at times 0 and 1; linear between them."""

    def picture(self, t: float, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Return the picture at t, [3, H, W], and the index of the layer that is visible at each pixel, [H, W]."""
        picture_CHW, seen_HW = render(self.layers, t, height, width)
        if self.exposure:
            offsets = np.linspace(-self.exposure / 2, self.exposure / 2, EXPOSURE_TAPS)
            others = [render(self.layers, t + offset, height, width)[0] for offset in offsets if offset]
            picture_CHW = torch.stack((picture_CHW, *others)).mean(dim=0)
        gain = self.gains[0] + t * (self.gains[1] - self.gains[0])
        return (picture_CHW if gain == 1 else (picture_CHW * gain).clamp_(0, 1)), seen_HW
