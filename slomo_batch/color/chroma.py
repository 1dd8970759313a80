"""Chroma planes to luma resolution and back, at the places where the samples were taken.

`upsample` interpolates linearly between the chroma samples. `restore` is its exact left inverse: restore(upsample(c))
is c, so a frame that goes to RGB and back keeps its chroma as sharp as the source frames beside it. The filters are
the duals of linear interpolation, from the wavelets of LeGall and Tabatabai (5/3) where a chroma sample sits on a luma
sample, and of Cohen, Daubechies and Feauveau (3/1) where it sits between two. `reduce` is the usual low pass, for
chroma that was never upsampled here: a dual filter would ring at its sharp edges.

Borders repeat the last sample. Each function works on the last axis, one halving or doubling at a time; everything is
plain multiplication and addition, so that every CPU gives the same bits.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Phase = Literal["first", "middle", "second"]
"""Where a chroma sample sits among its two luma samples: on the first, between them, on the second."""


def phases(chroma_location: str) -> tuple[Phase, Phase]:
    """Horizontal and vertical phase of FFmpeg's chroma location (ITU-T H.273 figure 1)."""
    across: Phase = "first" if chroma_location in {"left", "topleft", "bottomleft"} else "middle"
    down: Phase = "middle"
    if chroma_location in {"topleft", "top"}:
        down = "first"
    elif chroma_location in {"bottomleft", "bottom"}:
        down = "second"
    return across, down


def upsample(samples: Tensor, phase: Phase, size: int) -> Tensor:
    """Twice the samples along the last axis, `size` of them (2n or 2n - 1 for n samples)."""
    if phase == "second":
        return upsample(_extended(samples, 1, 0), "first", size + 1)[..., 1:]
    fine = samples.new_empty(*samples.shape[:-1], 2 * samples.shape[-1])
    if phase == "first":
        after = _extended(samples, 0, 1)[..., 1:]
        fine[..., 0::2] = samples
        fine[..., 1::2] = (samples + after) * 0.5
    else:
        wide = _extended(samples, 1, 1)
        fine[..., 0::2] = samples * 0.75 + wide[..., :-2] * 0.25
        fine[..., 1::2] = samples * 0.75 + wide[..., 2:] * 0.25
    return fine[..., :size]


def restore(samples: Tensor, phase: Phase) -> Tensor:
    """Half the samples along the last axis (rounded up): the exact inverse of `upsample`."""
    if phase == "second":
        return restore(_extended(samples, 1, samples.shape[-1] % 2), "first")[..., 1:]
    x, n = _extended(samples, 2, 4), -(-samples.shape[-1] // 2)
    if phase == "first":
        near = (_every(x, 1, n) + _every(x, 3, n)) * 0.25
        return _every(x, 2, n) * 0.75 + near - (_every(x, 0, n) + _every(x, 4, n)) * 0.125
    return (_every(x, 2, n) + _every(x, 3, n)) * 0.75 - (_every(x, 1, n) + _every(x, 4, n)) * 0.25


def reduce(samples: Tensor, phase: Phase) -> Tensor:
    """Half the samples along the last axis (rounded up), low-passed: 1 2 1 around a sample, 1 1 between two."""
    if phase == "second":
        return reduce(_extended(samples, 1, samples.shape[-1] % 2), "first")[..., 1:]
    x, n = _extended(samples, 2, 4), -(-samples.shape[-1] // 2)
    if phase == "first":
        return _every(x, 2, n) * 0.5 + (_every(x, 1, n) + _every(x, 3, n)) * 0.25
    return (_every(x, 2, n) + _every(x, 3, n)) * 0.5


def widened(plane_HW: Tensor, location: str, shift_x: int, shift_y: int, height: int, width: int) -> Tensor:
    """A chroma plane [h, w] at luma resolution [height, width]."""
    across, down = phases(location)
    for shift in range(shift_x - 1, -1, -1):
        plane_HW = upsample(plane_HW, across, -(-width >> shift))
    plane_WH = plane_HW.T
    for shift in range(shift_y - 1, -1, -1):
        plane_WH = upsample(plane_WH, down, -(-height >> shift))
    return plane_WH.T


def narrowed(
    plane_HW: Tensor, location: str, shift_x: int, shift_y: int, half: Callable[[Tensor, Phase], Tensor]
) -> Tensor:
    """A plane [H, W] with each axis halved `shift` times by `half`, which is `restore` or `reduce`."""
    across, down = phases(location)
    plane_WH = plane_HW.T
    for _ in range(shift_y):
        plane_WH = half(plane_WH, down)
    plane_HW = plane_WH.T
    for _ in range(shift_x):
        plane_HW = half(plane_HW, across)
    return plane_HW


def _extended(samples: Tensor, before: int, after: int) -> Tensor:
    first, last = samples[..., :1], samples[..., -1:]
    return torch.cat([*[first] * before, samples, *[last] * after], dim=-1)


def _every(samples: Tensor, start: int, num: int) -> Tensor:
    return samples[..., start : start + 2 * num : 2]
