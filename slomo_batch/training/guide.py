"""A network with a prior flow as a guide: on film `matched` learns its flow, where the two frames fit better by it."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import load


class Guide:
    """The network, on the CPU. It is loaded at its first use, in each process."""

    def __init__(self, name: str) -> None:
        """`name`: weights of `guided`, shipped ones or a path."""
        self._name = name
        self._network: Guided | None = None

    def __reduce__(self) -> tuple[type["Guide"], tuple[str]]:
        """Let each process load its own."""
        return Guide, (self._name,)

    def load(self) -> Guided:
        """Return the network, loaded once.

        Raises:
            WeightsError: the weights cannot be used, or are not those of `guided`.
        """
        self._network = self._network or self._loaded()
        return self._network

    def flows(self, i0_CHW: Tensor, i1_CHW: Tensor) -> Tensor:
        """Return its flow, like `flows` of a training sample.

        Raises:
            WeightsError: the weights cannot be used, or are not those of `guided`.
        """
        network = self.load()
        height, width = i0_CHW.shape[-2:]
        below, right = (-length % network.size_multiple() for length in (height, width))
        padded = functional.pad(torch.stack((i0_CHW, i1_CHW)), (0, right, 0, below), mode="replicate")
        pair = padded[:1], padded[1:]
        with torch.inference_mode():
            flows = network.flows(*pair, *network.flow_inputs(*pair))
            return flows[0, :, : height // 4, : width // 4].clone()

    def _loaded(self) -> Guided:
        name = resolve_name(self._name)
        network = load(shipped_file(name) if name in shipped_names() else Path(name)).build_network()
        if not isinstance(network, Guided):
            raise WeightsError("the guide must be weights of the network `guided`", got=self._name)
        return network.eval()
