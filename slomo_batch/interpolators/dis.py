"""Dense inverse search (DIS): OpenCV's optical flow in both directions, on 8-bit luma.

Each search runs on one thread: OpenCV splits the work into one stripe per thread, and the result depends on the split.
The two directions run in parallel if torch may use more than one thread.
Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slomo_batch.color.transfers import to_cpu

LUMA_RGB = (0.299, 0.587, 0.114)
MIN_SIDE_PX = 32
"""Smallest height and width of the coarsest level; smaller pictures are padded by replicating the border."""

Levels = NDArray[np.uint8]
Search = cv2.DISOpticalFlow


def medium_preset() -> Search:
    """Return a search for frames that are warped with the flow itself."""
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def small_picture_search(
    *, finest_scale: int, patch_stride: int, descent_iterations: int, refinement_iterations: int
) -> Search:
    """Return a search for small pictures whose flow is refined later; `PriorSearch` explains the arguments."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(finest_scale)
    search.setPatchStride(patch_stride)
    search.setGradientDescentIterations(descent_iterations)
    search.setVariationalRefinementIterations(refinement_iterations)
    return search


def luma_of_pair(i0_CHW: Tensor, i1_CHW: Tensor) -> tuple[Levels, Levels]:
    """Convert two pictures, RGB, [3, H, W], 0 to 1, to 8-bit luma, [H, W]. Only that leaves their device."""
    levels_0, levels_1 = to_cpu(luma(i0_CHW), luma(i1_CHW))
    return levels_0.numpy(), levels_1.numpy()


def luma(image_CHW: Tensor) -> Tensor:
    """Return the 8-bit luma, [H, W], on the device of the picture, the same bits on every device."""
    r, g, b = image_CHW
    luma_HW = r * LUMA_RGB[0] + g * LUMA_RGB[1] + b * LUMA_RGB[2]
    levels_HW: Tensor = luma_HW.mul_(255).round_().clamp_(0, 255).to(torch.uint8).contiguous()
    return levels_HW


def downscale(levels: Levels, divisor: int) -> Levels:
    """Downscale to 1 / `divisor` by area averaging."""
    size = levels.shape[1] // divisor, levels.shape[0] // divisor
    return cv2.resize(levels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def bidirectional_flow(search: Callable[[], Search], luma_0: Levels, luma_1: Levels) -> Tensor:
    """Return flow_01 (channels 0:2) and flow_10 (2:4) in pixels, [1, 4, H, W]."""
    cv2.setNumThreads(1)
    height, width = luma_0.shape
    below, right = max(0, MIN_SIDE_PX - height), max(0, MIN_SIDE_PX - width)
    if below or right:
        luma_0, luma_1 = (np.pad(levels, ((0, below), (0, right)), mode="edge") for levels in (luma_0, luma_1))
    with ThreadPoolExecutor(min(2, torch.get_num_threads())) as pool:
        directions = pool.map(_flow, (search(), search()), (luma_0, luma_1), (luma_1, luma_0))
        both = np.concatenate(list(directions), axis=2)
    return torch.from_numpy(both[:height, :width]).permute(2, 0, 1)[None].contiguous()


def _flow(search: Search, luma_0: Levels, luma_1: Levels) -> NDArray[np.float32]:
    """Return the flow from the first to the second, [H, W, 2]: x, then y."""
    found = search.calc(luma_0, luma_1, None)  # type: ignore[call-overload]  # no initial flow
    return np.asarray(found, dtype=np.float32)
