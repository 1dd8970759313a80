"""Resample chroma planes to luma resolution and back, with the chroma samples at their true positions.

`upsample` interpolates linearly between the chroma samples. `undo_upsample` is its exact left inverse:
undo_upsample(upsample(c)) is c, so a frame that goes to RGB and back keeps its chroma as sharp as the source frames
beside it. Its filters are the duals of linear interpolation, from the wavelets of LeGall and Tabatabai (5/3) if
chroma samples sit on luma samples, and of Cohen, Daubechies and Feauveau (3/1) if they sit between two. `downsample`
is the usual low-pass filter, for chroma that was never upsampled here: a dual filter would ring at its sharp edges.

Borders repeat the last sample. Each function halves or doubles one axis once. It uses plain multiplication and addition
only, so that every CPU gives the same bits.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Phase = Literal["first", "middle", "second"]
"""Position of a chroma sample among its two luma samples: on the first, between them, or on the second."""


def phases(chroma_location: str) -> tuple[Phase, Phase]:
    """Horizontal and vertical phase of a chroma location, given by FFmpeg's name (ITU-T H.273 figure 1)."""
    across: Phase = "first" if chroma_location in {"left", "topleft", "bottomleft"} else "middle"
    down: Phase = "middle"
    if chroma_location in {"topleft", "top"}:
        down = "first"
    elif chroma_location in {"bottomleft", "bottom"}:
        down = "second"
    return across, down


def upsample(samples: Tensor, phase: Phase, size: int, dim: int) -> Tensor:
    """Double the samples along `dim`; return `size` of them (2n or 2n - 1 for n samples)."""
    num = samples.shape[dim]
    shape = list(samples.shape)
    shape[dim] = 2 * num
    fine = samples.new_empty(shape)
    even, odd = _every_second(fine, 0, dim), _every_second(fine, 1, dim)
    if phase == "middle":
        quarter = samples * 0.25
        torch.mul(samples, 0.75, out=even)
        odd.copy_(even)
        _add_before(even, quarter, quarter, dim)
        _add_after(odd, quarter, quarter, dim)
    else:
        on, between, add_neighbor = (even, odd, _add_after) if phase == "first" else (odd, even, _add_before)
        on.copy_(samples)
        between.copy_(samples)
        add_neighbor(between, samples, samples, dim).mul_(0.5)
    return fine.narrow(dim, 0, size)


def undo_upsample(samples: Tensor, phase: Phase, dim: int) -> Tensor:
    """Halve the samples along `dim` (rounded up): the exact inverse of `upsample`."""
    fine = _extended_to_even(samples, phase, dim)
    even, odd = _every_second(fine, 0, dim), _every_second(fine, 1, dim)
    if phase == "middle":
        outer = torch.zeros_like(even)
        _add_before(outer, odd, even, dim)
        _add_after(outer, even, odd, dim)
        return (even + odd).mul_(0.75).sub_(outer.mul_(0.25))
    on, between, add_near = (even, odd, _add_before) if phase == "first" else (odd, even, _add_after)
    near = add_near(between.clone(), between, on, dim)
    far = _add_after(_add_before(torch.zeros_like(on), on, on, dim), on, on, dim)
    return (on * 0.75).add_(near.mul_(0.25)).sub_(far.mul_(0.125))


def downsample(samples: Tensor, phase: Phase, dim: int) -> Tensor:
    """Halve the samples along `dim` (rounded up) with a low-pass filter: 1 2 1 on a luma sample, 1 1 between two."""
    fine = _append_if_odd(samples, samples.narrow(dim, samples.shape[dim] - 1, 1), dim)
    even, odd = _every_second(fine, 0, dim), _every_second(fine, 1, dim)
    if phase == "middle":
        return (even + odd).mul_(0.5)
    on, between, add_near = (even, odd, _add_before) if phase == "first" else (odd, even, _add_after)
    return add_near(between.clone(), between, on, dim).mul_(0.25).add_(on * 0.5)


def upsample_chroma(planes_CHW: Tensor, location: str, shifts: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Double chroma planes [C, h, w] `shifts` times (across, down), to `size` (width, height)."""
    (across, down), (width, height) = phases(location), size
    for shift in range(shifts[0] - 1, -1, -1):
        planes_CHW = upsample(planes_CHW, across, -(-width >> shift), -1)
    for shift in range(shifts[1] - 1, -1, -1):
        planes_CHW = upsample(planes_CHW, down, -(-height >> shift), -2)
    return planes_CHW


Halving = Callable[[Tensor, Phase, int], Tensor]
"""`undo_upsample` or `downsample`."""


def downsample_chroma(planes_CHW: Tensor, location: str, halves_x: list[Halving], halves_y: list[Halving]) -> Tensor:
    """Halve each axis of the planes once with each function of its list, in order."""
    across, down = phases(location)
    for half in halves_y:
        planes_CHW = half(planes_CHW, down, -2)
    for half in halves_x:
        planes_CHW = half(planes_CHW, across, -1)
    return planes_CHW


def _extended_to_even(samples: Tensor, phase: Phase, dim: int) -> Tensor:
    """The samples, with the last one that an odd size cut off restored as `upsample` would have made it."""
    num = samples.shape[dim]
    last = samples.narrow(dim, num - 1, 1)
    slope = last - samples.narrow(dim, max(num - 2, 0), 1)
    beyond = {"first": last, "middle": last + slope * 0.5, "second": last + slope}
    return _append_if_odd(samples, beyond[phase], dim)


def _append_if_odd(samples: Tensor, beyond: Tensor, dim: int) -> Tensor:
    return torch.cat((samples, beyond), dim=dim) if samples.shape[dim] % 2 else samples


def _every_second(samples: Tensor, start: int, dim: int) -> Tensor:
    index = [slice(None)] * samples.ndim
    index[dim] = slice(start, None, 2)
    return samples[tuple(index)]


def _add_before(target: Tensor, samples: Tensor, border: Tensor, dim: int) -> Tensor:
    """Add to each sample the one before it, in place; the first sample gets the first of `border`."""
    num = samples.shape[dim]
    target.narrow(dim, 1, num - 1).add_(samples.narrow(dim, 0, num - 1))
    target.narrow(dim, 0, 1).add_(border.narrow(dim, 0, 1))
    return target


def _add_after(target: Tensor, samples: Tensor, border: Tensor, dim: int) -> Tensor:
    """Add to each sample the one after it, in place; the last sample gets the last of `border`."""
    num = samples.shape[dim]
    target.narrow(dim, 0, num - 1).add_(samples.narrow(dim, 1, num - 1))
    target.narrow(dim, num - 1, 1).add_(border.narrow(dim, num - 1, 1))
    return target
