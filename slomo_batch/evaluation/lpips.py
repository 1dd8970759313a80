"""LPIPS and ST-LPIPS: the perceptual distance of two frames, by the features of a network trained on human judgments.

LPIPS is that of Zhang et al. 2018, version 0.1 with AlexNet. ST-LPIPS is that of Ghildyal and Liu 2022 (Shift-tolerant
Perceptual Similarity Metric): its AlexNet blurs before it leaves out samples, and was trained as a whole. Their numbers
cannot be compared with each other.

The features after each of AlexNet's five ReLUs are normalized to length 1 at every position; their squared differences
are weighted by channel, averaged over positions, and summed over layers. No weights are shipped. For LPIPS, the user
supplies torchvision's alexnet-owt-*.pth and the lpips package's alex.pth, or one state dict of its LPIPS class; for
ST-LPIPS, alex_shift_tolerant.pth of the package stlpips-pytorch.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import WeightsError
from slomo_batch.evaluation.measures import Rgb8
from slomo_batch.interpolators.pickles import read_pickle
from slomo_batch.interpolators.stlpips import ST_LPIPS, blurred, installed_weights

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Normalization of RGB from -1 to 1, before the network."""
EPSILON = 1e-10
"""Added to the length of a feature before the division by it."""
LAYERS = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
"""AlexNet's convolutions: channels out, channels in, kernel size."""
MIN_SIDE_PX = 63
"""Smallest side for which the two poolings of LPIPS leave any feature."""
SHIFT_TOLERANT_FILE = "alex_shift_tolerant.pth"

LpipsName = Literal["LPIPS", "ST-LPIPS"]
_CONVOLUTIONS: Mapping[LpipsName, tuple[int, ...]] = {"LPIPS": (0, 3, 6, 8, 10), "ST-LPIPS": (0, 5, 9, 11, 13)}
"""The numbers of the convolutions among the layers, which are in the keys of weights files."""
_BLUR = "slice1.1.filt"
"""Part of the key of a blur, which only files of ST-LPIPS have."""
_LIN = re.compile(r"lin(\d)\.model\.[01]\.weight")
_CONV = re.compile(r"(?:features|net\.slice\d)\.(\d+)\.(weight|bias)")


class Lpips:
    """The metric with its weights."""

    def __init__(self, name: LpipsName, weights: Mapping[str, Tensor], sha256: str) -> None:
        self.name: LpipsName = name
        self._features = _shift_tolerant_features if name == "ST-LPIPS" else _features
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
        for number, features in enumerate(self._features((both - shift) / scale, self._convolve)):
            lengths = features.square().sum(dim=1, keepdim=True).sqrt()
            unit = features / (lengths + EPSILON)
            squares = (unit[0] - unit[1]).square()
            total += float((squares * self._weights[f"lin{number}"][:, None, None]).sum(dim=0).mean())
        return total

    def _convolve(self, x: Tensor, number: int, stride: int, padding: int) -> Tensor:
        weight, bias = self._weights[f"{number}.weight"], self._weights[f"{number}.bias"]
        return functional.conv2d(x, weight, bias, stride=stride, padding=padding)


Convolve = Callable[[Tensor, int, int, int], Tensor]
"""Applies the convolution of this number, with this stride and padding."""


def _features(x: Tensor, convolve: Convolve) -> Sequence[Tensor]:
    """Return the features after each ReLU of AlexNet (Krizhevsky 2014), as in torchvision."""
    found = [functional.relu(convolve(x, 0, 4, 2))]
    for number, (_, _, side) in enumerate(LAYERS[1:], start=1):
        x = functional.max_pool2d(found[-1], 3, 2) if number in {1, 2} else found[-1]
        found.append(functional.relu(convolve(x, number, 1, side // 2)))
    return found


def _shift_tolerant_features(x: Tensor, convolve: Convolve) -> Sequence[Tensor]:
    """Return the features after each ReLU of the shift-tolerant AlexNet: it blurs before it leaves out samples."""
    found = [functional.relu(blurred(convolve(x, 0, 1, 2)))]
    for number, (_, _, side) in enumerate(LAYERS[1:], start=1):
        x = blurred(functional.max_pool2d(found[-1], 3, 1)) if number in {1, 2} else found[-1]
        found.append(functional.relu(convolve(x, number, 1, side // 2)))
    return found


def load_lpips(paths: Sequence[Path]) -> Lpips:
    """Load the measure whose weights these files together contain; `st-lpips` is the file in the installed package.

    Raises:
        WeightsError: a file cannot be read or could execute code; weights are missing or have a wrong shape.
        ManifestError: `st-lpips` is given, and not installed.
    """
    paths = [installed_weights(SHIFT_TOLERANT_FILE) if str(path) == ST_LPIPS else path for path in paths]
    tensors: dict[str, Tensor] = {}
    whole = hashlib.sha256()
    for path in paths:
        tensors |= _read(path)
        whole.update(path.read_bytes())
    name: LpipsName = "ST-LPIPS" if any(key.endswith(_BLUR) for key in tensors) else "LPIPS"
    weights = _renamed(tensors, name)
    problems = [
        f"{key} is missing" if key not in weights else f"{key} has shape {tuple(weights[key].shape)}, not {shape}"
        for key, shape in _shapes().items()
        if key not in weights or tuple(weights[key].shape) != shape
    ]
    if problems:
        raise WeightsError(
            f"not {name} weights for AlexNet: {'; '.join(problems)}",
            where=", ".join(map(str, paths)),
            remedy="Pass both files: torchvision's alexnet-owt-*.pth and the lpips package's weights/v0.1/alex.pth; "
            f"or {ST_LPIPS}.",
        )
    return Lpips(name, weights, whole.hexdigest())


def _shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight tensor that is used."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (wide, deep, side) in enumerate(LAYERS):
        shapes |= {f"{number}.weight": (wide, deep, side, side), f"{number}.bias": (wide,), f"lin{number}": (wide,)}
    return shapes


def _renamed(tensors: Mapping[str, Tensor], name: LpipsName) -> dict[str, Tensor]:
    """Return the tensors that are used, by our names: convolutions and their weights numbered from 0."""
    renamed: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if found := _LIN.fullmatch(key):
            renamed[f"lin{found[1]}"] = tensor.float().squeeze()
        elif (found := _CONV.fullmatch(key)) and int(found[1]) in _CONVOLUTIONS[name]:
            renamed[f"{_CONVOLUTIONS[name].index(int(found[1]))}.{found[2]}"] = tensor.float()
    return renamed


def _read(path: Path) -> dict[str, Tensor]:
    content = read_pickle(path, message="not a PyTorch weights file")
    if not isinstance(content, dict):
        raise WeightsError("the file does not contain a state dict", where=str(path), got=type(content).__name__)
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
