"""LPIPS (Zhang et al. 2018), the AlexNet variant of version 0.1: the distance of two frames to a network's eye.

Features after each of AlexNet's five ReLUs are scaled to length 1 at every place; their squared differences are weighed
by channel, averaged over the places and added up. No weights are shipped: those who measured with it hold them, as
alexnet-owt-*.pth of torchvision and alex.pth of the lpips package, or as one state dict of its LPIPS class.
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
from slomo_batch.evaluation.measures import Samples
from slomo_batch.interpolators.pickles import read_pickle

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of RGB from -1 to 1, before the network."""
EPSILON = 1e-10
"""Added to a feature's length before dividing by it."""
LAYERS = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
"""AlexNet's convolutions by their number in torchvision's `features`: channels out and in, side of the kernel."""
MIN_SIDE_PX = 63
"""The least from which something is left after the two poolings."""

_LIN = re.compile(r"lin(\d)\.model\.[01]\.weight")
_CONV = re.compile(r"(?:features|net\.slice\d)\.(\d+)\.(weight|bias)")


class Lpips:
    """The measure, with its weights."""

    def __init__(self, weights: Mapping[str, Tensor], sha256: str) -> None:
        self._weights = weights
        self.sha256 = sha256
        """Of the files' bytes, in the order in which they were named."""

    @torch.inference_mode()
    def distance(self, made: Samples, truth: Samples) -> float | None:
        """0 for equal frames, around 0.5 for unlike ones; None where they are below MIN_SIDE_PX."""
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
    """The measure with the weights of these files, which together hold all of them.

    Raises:
        WeightsError: a file cannot be read or could execute code; weights are missing or of other shapes.
    """
    weights: dict[str, Tensor] = {}
    whole = hashlib.sha256()
    for path in paths:
        for key, tensor in _read(path).items():
            if name := _name(key):
                weights[name] = tensor.float().squeeze() if name.startswith("lin") else tensor.float()
        whole.update(path.read_bytes())
    faults = [
        f"{name} is missing" if name not in weights else f"{name} has shape {tuple(weights[name].shape)}, not {shape}"
        for name, shape in _shapes().items()
        if name not in weights or tuple(weights[name].shape) != shape
    ]
    if faults:
        raise WeightsError(
            f"not the weights of LPIPS with AlexNet: {'; '.join(faults)}",
            where=", ".join(map(str, paths)),
            remedy="Name both files: torchvision's alexnet-owt-*.pth and the lpips package's weights/v0.1/alex.pth.",
        )
    return Lpips(weights, whole.hexdigest())


def _shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that is used."""
    shapes: dict[str, tuple[int, ...]] = {}
    for place, (number, (wide, deep, side)) in enumerate(LAYERS.items()):
        shapes |= {f"{number}.weight": (wide, deep, side, side), f"{number}.bias": (wide,), f"lin{place}": (wide,)}
    return shapes


def _name(key: str) -> str:
    """What a tensor of a file is here; empty for those that are not used (AlexNet's classifier)."""
    if found := _LIN.fullmatch(key):
        return f"lin{found[1]}"
    found = _CONV.fullmatch(key)
    return f"{found[1]}.{found[2]}" if found else ""


def _read(path: Path) -> dict[str, Tensor]:
    content = read_pickle(path, message="not a file of PyTorch weights")
    if not isinstance(content, dict):
        raise WeightsError("not a dict of weights", where=str(path), got=type(content).__name__)
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
