"""LPIPS (Zhang et al. 2018), version 0.1 with AlexNet: the perceptual distance of two frames.

The features after each of AlexNet's five ReLUs are normalized to length 1 at every position; their squared differences
are weighted by channel, averaged over positions, and summed over layers. No weights are shipped. The user supplies
torchvision's alexnet-owt-*.pth and the lpips package's alex.pth, or one state dict of its LPIPS class.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import WeightsError
from slomo_batch.evaluation.measures import Rgb8
from slomo_batch.interpolators.pickles import read_pickle

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Normalization of RGB from -1 to 1, before the network."""
EPSILON = 1e-10
"""Added to the length of a feature before the division by it."""
LAYERS = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
"""AlexNet's convolutions by their index in torchvision's `features`: channels out, channels in, kernel size."""
MIN_SIDE_PX = 63
"""Smallest side for which the two poolings leave any feature."""

_LIN = re.compile(r"lin(\d)\.model\.[01]\.weight")
_CONV = re.compile(r"(?:features|net\.slice\d)\.(\d+)\.(weight|bias)")


class Lpips:
    """The LPIPS metric with its weights."""

    def __init__(self, weights: Mapping[str, Tensor], sha256: str) -> None:
        self._weights = weights
        self.sha256 = sha256
        """SHA-256 of the bytes of the weights files, in the order given."""

    @torch.inference_mode()
    def distance(self, made: Rgb8, truth: Rgb8) -> float | None:
        """Return 0 for equal frames, around 0.5 for unlike ones; None if a side is below MIN_SIDE_PX."""
        if min(made.shape[:2]) < MIN_SIDE_PX:
            return None
        both = torch.from_numpy(np.stack((made, truth))).permute(0, 3, 1, 2).float() / 127.5 - 1
        shift, scale = (torch.tensor(values)[:, None, None] for values in (SHIFT, SCALE))
        total = 0.0
        for number, features in enumerate(self._features((both - shift) / scale)):
            lengths = features.square().sum(dim=1, keepdim=True).sqrt()
            unit = features / (lengths + EPSILON)
            squares = (unit[0] - unit[1]).square()
            total += float((squares * self._weights[f"lin{number}"][:, None, None]).sum(dim=0).mean())
        return total

    def _features(self, x: Tensor) -> list[Tensor]:
        found = []
        for number, (_, _, side) in LAYERS.items():
            if number in {3, 6}:
                x = functional.max_pool2d(x, 3, 2)
            stride, padding = (4, 2) if number == 0 else (1, side // 2)
            weight, bias = self._weights[f"{number}.weight"], self._weights[f"{number}.bias"]
            x = functional.relu(functional.conv2d(x, weight, bias, stride=stride, padding=padding))
            found.append(x)
        return found


def load_lpips(paths: Sequence[Path]) -> Lpips:
    """Load LPIPS from files that together contain all its weights.

    Raises:
        WeightsError: a file cannot be read or could execute code; weights are missing or have a wrong shape.
    """
    weights: dict[str, Tensor] = {}
    whole = hashlib.sha256()
    for path in paths:
        for key, tensor in _read(path).items():
            if name := _name(key):
                weights[name] = tensor.float().squeeze() if name.startswith("lin") else tensor.float()
        whole.update(path.read_bytes())
    problems = [
        f"{name} is missing" if name not in weights else f"{name} has shape {tuple(weights[name].shape)}, not {shape}"
        for name, shape in _shapes().items()
        if name not in weights or tuple(weights[name].shape) != shape
    ]
    if problems:
        raise WeightsError(
            f"not LPIPS weights for AlexNet: {'; '.join(problems)}",
            where=", ".join(map(str, paths)),
            remedy="Pass both files: torchvision's alexnet-owt-*.pth and the lpips package's weights/v0.1/alex.pth.",
        )
    return Lpips(weights, whole.hexdigest())


def _shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight tensor that is used."""
    shapes: dict[str, tuple[int, ...]] = {}
    for place, (number, (wide, deep, side)) in enumerate(LAYERS.items()):
        shapes |= {f"{number}.weight": (wide, deep, side, side), f"{number}.bias": (wide,), f"lin{place}": (wide,)}
    return shapes


def _name(key: str) -> str:
    """Our name of a tensor in a file; empty for tensors that are not used (AlexNet's classifier)."""
    if found := _LIN.fullmatch(key):
        return f"lin{found[1]}"
    found = _CONV.fullmatch(key)
    return f"{found[1]}.{found[2]}" if found else ""


def _read(path: Path) -> dict[str, Tensor]:
    content = read_pickle(path, message="not a PyTorch weights file")
    if not isinstance(content, dict):
        raise WeightsError("the file does not contain a state dict", where=str(path), got=type(content).__name__)
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
