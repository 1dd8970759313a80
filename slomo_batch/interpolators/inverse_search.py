"""Dense inverse search (DIS) in torch: optical flow of several pairs at once, on any device.

A search finds the motion of patches from coarse to fine, each by gradient descent, and averages them at each pixel.
Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, without its variational refinement.

Every operation is elementwise, a gather, or a sum in a fixed order, in fp32. So a pair has the same flow, bit for bit,
in a batch and alone. No operation waits for the device, and none accumulates in an order that varies.
"""

from collections.abc import Iterator
from math import log2

import torch
from torch import Tensor
from torch.nn import functional

PATCH_PX = 8
"""Height and width of a patch."""
STRIDE_PX = 4
"""Distance between patches: a pixel is in four of them, or fewer at the border."""
PATCH_SAMPLES = PATCH_PX * PATCH_PX
EARLY_ITERATIONS = (1, 5)
"""Steps of the descents after which each patch tries the motion of its four neighbors."""
LEAST_DETERMINANT = 1e-6
"""Keeps a patch without texture where it is; the unit is that of squared gradients, (levels per pixel)^4."""


def bidirectional_flow(luma_0_BHW: Tensor, luma_1_BHW: Tensor, *, iterations: int) -> Tensor:
    """Return flow_01 (channels 0:2) and flow_10 (2:4) in pixels, [B, 4, H, W], fp32.

    Args:
        luma_0_BHW: 8-bit luma of the first pictures, of any number type, on any device.
        luma_1_BHW: that of the second pictures.
        iterations: steps of gradient descent for each patch at full resolution; there are twice as many at coarser
            scales.
    """
    num = len(luma_0_BHW)
    first, second = torch.cat((luma_0_BHW, luma_1_BHW)).float(), torch.cat((luma_1_BHW, luma_0_BHW)).float()
    flow_B2HW = dense_flow(first, second, iterations=iterations)
    return torch.cat((flow_B2HW[:num], flow_B2HW[num:]), dim=1)


def dense_flow(first_BHW: Tensor, second_BHW: Tensor, *, iterations: int) -> Tensor:
    """Return the flow from the first to the second pictures in pixels, [B, 2, H, W]: x, then y.

    Pictures and `iterations` are as in `bidirectional_flow`, pictures in fp32.
    """
    coarsest = _coarsest_scale(*first_BHW.shape[-2:])
    pairs = list(zip(_pyramid(first_BHW, coarsest), _pyramid(second_BHW, coarsest), strict=True))
    height, width = pairs[-1][0].shape[-2:]
    flow_B2HW = first_BHW.new_zeros(len(first_BHW), 2, -(-height // 2), -(-width // 2))
    for scale, (first, second) in reversed(list(enumerate(pairs))):
        patches = Patches(first, second)
        start = patches.motion_from(flow_B2HW)
        flow_B2HW = patches.averaged(_search(patches, start, iterations if scale == 0 else 2 * iterations))
    return flow_B2HW


def _coarsest_scale(height: int, width: int) -> int:
    """Return how often the pictures are halved: until four patches span the longer side, or one the shorter."""
    by_longer = int(log2(max(height, width) / (4 * PATCH_PX)) + 0.5)
    return max(0, min(by_longer, int(log2(min(height, width) / PATCH_PX))))


def _pyramid(image_BHW: Tensor, coarsest: int) -> Iterator[Tensor]:
    """Yield the pictures at each scale, the finest first. Averages of levels are exact in fp32."""
    yield image_BHW
    for _ in range(coarsest):
        height, width = image_BHW.shape[-2:]
        even_BHW = _padded(image_BHW, right=width % 2, below=height % 2)
        image_BHW = functional.avg_pool2d(even_BHW, 2)
        yield image_BHW


def _padded(image_BHW: Tensor, *, left: int = 0, right: int, above: int = 0, below: int) -> Tensor:
    """Pad by replicating the border."""
    return functional.pad(image_BHW[None], (left, right, above, below), mode="replicate")[0]


def _total(samples: Tensor) -> Tensor:
    """Return the sum over the samples of each patch, [8, 8, N] to [N], by halves: in the same order on every device."""
    rest = samples.flatten(0, 1)
    while len(rest) > 1:
        rest = rest[: len(rest) // 2] + rest[len(rest) // 2 :]
    return rest[0]


class Patches:
    """The patches of the first pictures at one scale, to be found in the second.

    Motions are [2, N], x and y in pixels of this scale, of the N patches of all pictures, row by row.
    """

    def __init__(self, first_BHW: Tensor, second_BHW: Tensor) -> None:
        """Cut the patches, and their gradients, from the first pictures."""
        self._num, self._height, self._width = first_BHW.shape
        sides = [max(PATCH_PX, -(-length // STRIDE_PX) * STRIDE_PX) for length in (self._height, self._width)]
        self._rows, self._columns = ((side - PATCH_PX) // STRIDE_PX + 1 for side in sides)
        right, below = sides[1] - self._width, sides[0] - self._height
        framed_BHW = _padded(first_BHW, left=1, right=right + 1, above=1, below=below + 1)
        self._template = self._cut(framed_BHW[:, 1:-1, 1:-1])
        across = self._cut((framed_BHW[:, 1:-1, 2:] - framed_BHW[:, 1:-1, :-2]) / 2)
        down = self._cut((framed_BHW[:, 2:, 1:-1] - framed_BHW[:, :-2, 1:-1]) / 2)
        # Gradients less their mean make the descent ignore a difference in brightness.
        self._across = across - _total(across) / PATCH_SAMPLES
        self._down = down - _total(down) / PATCH_SAMPLES
        self._hessian_inverse = self._inverted()
        self._place(second_BHW)

    def _cut(self, image_BHW: Tensor) -> Tensor:
        """Return every patch of the pictures, [8, 8, N]."""
        patches = image_BHW.unfold(1, PATCH_PX, STRIDE_PX).unfold(2, PATCH_PX, STRIDE_PX)
        return patches.permute(3, 4, 0, 1, 2).reshape(PATCH_PX, PATCH_PX, -1)

    def _inverted(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return xx, xy and yy of the inverted Hessian of each patch."""
        xx, yy = _total(self._across * self._across), _total(self._down * self._down)
        xy = _total(self._across * self._down)
        determinant = (xx * yy - xy * xy).clamp(min=LEAST_DETERMINANT)
        return yy / determinant, -xy / determinant, xx / determinant

    def _place(self, second_BHW: Tensor) -> None:
        """Prepare the second pictures to be sampled by patches, which overlap them by a pixel at least."""
        padded_BHW = _padded(second_BHW, left=PATCH_PX - 1, right=PATCH_PX, above=PATCH_PX - 1, below=PATCH_PX)
        _, height, width = padded_BHW.shape
        self._padded_width = width
        # A view of all windows of 9x9 samples, by the place of their first sample.
        last = padded_BHW.numel() - PATCH_PX * (width + 1)
        self._windows = padded_BHW.contiguous().as_strided((PATCH_PX + 1, PATCH_PX + 1, last), (width, 1, 1))
        device, shape = second_BHW.device, (self._num, self._rows, self._columns)
        self._left = (torch.arange(self._columns, device=device) * STRIDE_PX).expand(shape).flatten()
        self._top = (torch.arange(self._rows, device=device) * STRIDE_PX)[:, None].expand(shape).flatten()
        starts = torch.arange(self._num, device=device) * (height * width)
        self._picture = starts[:, None, None].expand(shape).flatten()

    def motion_from(self, coarser_B2HW: Tensor) -> Tensor:
        """Return the motion of each patch, [2, N]: twice the mean flow at its center, one scale coarser."""
        height, width = coarser_B2HW.shape[-2:]
        right, below = 2 * self._columns + 1 - width, 2 * self._rows + 1 - height
        whole = functional.pad(coarser_B2HW, (0, max(0, right), 0, max(0, below)), mode="replicate")
        means_B2HW = functional.avg_pool2d(whole[:, :, 1:, 1:], 2)[:, :, : self._rows, : self._columns]
        return (2 * means_B2HW).transpose(0, 1).flatten(1)

    def difference(self, motion_2N: Tensor) -> Tensor:
        """Return the second picture, sampled where the motion points, less the patch, [8, 8, N]."""
        x_N = (motion_2N[0] + self._left).clamp(1 - PATCH_PX, self._width - 1)
        y_N = (motion_2N[1] + self._top).clamp(1 - PATCH_PX, self._height - 1)
        left_N, top_N = x_N.floor(), y_N.floor()
        row_N, column_N = top_N.long() + (PATCH_PX - 1), left_N.long() + (PATCH_PX - 1)
        first_N = self._picture + row_N * self._padded_width + column_N
        window = torch.index_select(self._windows, 2, first_N)
        rows = (window[:, 1:] - window[:, :-1]).mul_(x_N - left_N).add_(window[:, :-1])
        return (rows[1:] - rows[:-1]).mul_(y_N - top_N).add_(rows[:-1]).sub_(self._template)

    def step(self, difference: Tensor) -> Tensor:
        """Return the step of Gauss and Newton that lowers the difference, [2, N]."""
        across_N, down_N = _total(difference * self._across), _total(difference * self._down)
        xx, xy, yy = self._hessian_inverse
        return torch.stack((xx * across_N + xy * down_N, xy * across_N + yy * down_N))

    def neighbors(self, motion_2N: Tensor) -> Iterator[Tensor]:
        """Yield the motion of each patch's neighbor on the left, right, above and below, [2, N]."""
        grid = motion_2N.reshape(2 * self._num, self._rows, self._columns)
        yield _padded(grid[:, :, :-1], left=1, right=0, below=0).view(2, -1) if self._columns > 1 else motion_2N
        yield _padded(grid[:, :, 1:], right=1, below=0).view(2, -1) if self._columns > 1 else motion_2N
        yield _padded(grid[:, :-1], right=0, above=1, below=0).view(2, -1) if self._rows > 1 else motion_2N
        yield _padded(grid[:, 1:], right=0, below=1).view(2, -1) if self._rows > 1 else motion_2N

    def averaged(self, motion_2N: Tensor) -> Tensor:
        """Return the flow at each pixel, [B, 2, H, W]: the mean of its patches, the less the worse they fit there."""
        weight = 1 / self.difference(motion_2N).abs_().clamp_(min=1)
        weighted = torch.stack((weight, weight * motion_2N[0], weight * motion_2N[1]))
        tiles = weighted.view(3, PATCH_PX, PATCH_PX, self._num, self._rows, self._columns).permute(0, 3, 4, 1, 5, 2)
        total = tiles.new_zeros(())
        for y in (0, STRIDE_PX):
            for x in (0, STRIDE_PX):
                quarter = tiles[:, :, :, y : y + STRIDE_PX, :, x : x + STRIDE_PX]
                placed = functional.pad(
                    quarter.reshape(3, self._num, self._rows * STRIDE_PX, self._columns * STRIDE_PX),
                    (x, STRIDE_PX - x, y, STRIDE_PX - y),
                )
                total = total + placed
        flow_2BHW = total[1:] / total[:1]
        return flow_2BHW.transpose(0, 1)[..., : self._height, : self._width]


def _misfit(difference: Tensor) -> Tensor:
    """Return the squared difference of each patch, less that of its mean brightness, [N]."""
    offset = _total(difference)
    return _total(difference * difference) - offset * offset / PATCH_SAMPLES


def _search(patches: Patches, start_2N: Tensor, iterations: int) -> Tensor:
    """Return the motion of each patch, found by descents between which it takes its neighbors' if they fit better."""
    motion_2N, misfit_N = _descend(patches, start_2N, EARLY_ITERATIONS[0])
    for few in (*EARLY_ITERATIONS[1:], max(1, iterations - sum(EARLY_ITERATIONS))):
        for neighbor_2N in patches.neighbors(motion_2N):
            neighbor_misfit_N = _misfit(patches.difference(neighbor_2N))
            motion_2N, misfit_N = _better(motion_2N, misfit_N, neighbor_2N, neighbor_misfit_N)
        motion_2N, misfit_N = _descend(patches, motion_2N, few)
    return motion_2N


def _descend(patches: Patches, start_2N: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Return the motion with the least misfit on the way down from `start_2N`, within a patch of it, and the misfit."""
    motion_2N = best_2N = start_2N
    difference = patches.difference(motion_2N)
    least_N = _misfit(difference)
    for _ in range(iterations):
        motion_2N = motion_2N - patches.step(difference)
        difference = patches.difference(motion_2N)
        way_2N = motion_2N - start_2N
        is_far_N = way_2N[0] * way_2N[0] + way_2N[1] * way_2N[1] > PATCH_PX * PATCH_PX
        misfit_N = _misfit(difference).masked_fill(is_far_N, torch.inf)
        best_2N, least_N = _better(best_2N, least_N, motion_2N, misfit_N)
    return best_2N, least_N


def _better(best_2N: Tensor, least_N: Tensor, motion_2N: Tensor, misfit_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return the better of two motions of each patch, and its misfit."""
    is_better_N = misfit_N < least_N
    return torch.where(is_better_N, motion_2N, best_2N), torch.where(is_better_N, misfit_N, least_N)
