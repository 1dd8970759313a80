"""What inference asks of a Super SloMo network, whichever its shape."""

from typing import Protocol

from torch import Tensor


class Network(Protocol):
    """Two nets: one finds the flow of a pair, the other makes frames from it."""

    def multiple(self) -> int:
        """Height and width that the networks take are multiples of this."""

    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor) -> Tensor:
        """flow_01 (channels 0:2) and flow_10 (2:4) in pixels of the pictures given, fp32, at the resolution the network
        has them."""

    def frames(self, i0_1CHW: Tensor, i1_1CHW: Tensor, flows_14HW: Tensor, t_B: Tensor) -> Tensor:
        """The frames at each t, [B, 3, H, W], from flows in pixels of these pictures."""
