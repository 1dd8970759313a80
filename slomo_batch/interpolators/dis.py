"""Dense inverse search: OpenCV's optical flow, both ways, on luma of 8 bits, which is all that it takes.

A search runs on one thread, always: it cuts its work into as many stripes as there are threads, and its flow depends on
the cut. The two ways are searched side by side where torch may use more than one.
Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LUMA_RGB = (0.299, 0.587, 0.114)
MIN_SIDE_PX = 32
"""The search needs so many pixels each way for its coarsest level; smaller pictures are continued by their border."""

Levels = NDArray[np.uint8]
Search = cv2.DISOpticalFlow


def medium_preset() -> Search:
    """For frames made of the flow itself."""
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def fast_preset() -> Search:
    """For small pictures and a flow that is refined afterwards: wide steps, but down to the full resolution."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    search.setVariationalRefinementIterations(3)
    return search


def luma(image_CHW: Tensor) -> Levels:
    """Brightness in 8 bits, [H, W], of RGB 0 to 1."""
    r, g, b = image_CHW
    luma_HW = r * LUMA_RGB[0] + g * LUMA_RGB[1] + b * LUMA_RGB[2]
    levels: Levels = luma_HW.mul_(255).round_().clamp_(0, 255).to(torch.uint8).contiguous().numpy()
    return levels


def downscale(levels: Levels, shrink: int) -> Levels:
    """1 / `shrink` of the size, averaged."""
    size = levels.shape[1] // shrink, levels.shape[0] // shrink
    return cv2.resize(levels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def bidirectional_flow(search: Callable[[], Search], luma_0: Levels, luma_1: Levels) -> Tensor:
    """flow_01 (0:2) and flow_10 (2:4) in pixels, [1, 4, H, W]."""
    cv2.setNumThreads(1)
    height, width = luma_0.shape
    below, right = max(0, MIN_SIDE_PX - height), max(0, MIN_SIDE_PX - width)
    if below or right:
        luma_0, luma_1 = (np.pad(levels, ((0, below), (0, right)), mode="edge") for levels in (luma_0, luma_1))
    with ThreadPoolExecutor(min(2, torch.get_num_threads())) as pool:
        ways = pool.map(_flow, (search(), search()), (luma_0, luma_1), (luma_1, luma_0))
        both = np.concatenate(list(ways), axis=2)
    return torch.from_numpy(both[:height, :width]).permute(2, 0, 1)[None].contiguous()


def _flow(search: Search, luma_0: Levels, luma_1: Levels) -> NDArray[np.float32]:
    """The flow from the first to the second, [H, W, 2]: x, then y."""
    found = search.calc(luma_0, luma_1, None)  # type: ignore[call-overload]  # no flow to begin with
    return np.asarray(found, dtype=np.float32)
