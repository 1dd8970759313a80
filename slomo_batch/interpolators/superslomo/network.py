"""Network: what every Super SloMo network does, whatever its nets are."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from slomo_batch.interpolators.superslomo.regions import Region
from slomo_batch.interpolators.superslomo.warp import Warped


class Network(nn.Module, ABC):
    """Finds the flow of a pair once, then makes its frame at any time in between.

    Pictures are RGB 0 to 1, [1, 3, H, W]. Their sizes are multiples of `size_multiple()`. All tensors are on the
    network's device.
    """

    flow_px: float
    """Unit of its flows, in pixels of the picture."""
    bytes_per_px: int
    """Memory that making a frame takes, for each of its pixels."""

    @abstractmethod
    def size_multiple(self) -> int:
        """Return the number that height and width must be multiples of."""

    def flow_inputs(self, i0_1CHW: Tensor, i1_1CHW: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG002 for those that override it
        """Return the further inputs of `flows`: none, if flow is estimated from the pictures alone."""
        return ()

    @abstractmethod
    def flows(self, i0_1CHW: Tensor, i1_1CHW: Tensor, *inputs: Tensor) -> Tensor:
        """Return flow_01 and flow_10, [1, 4, h, w], in units of `flow_px`. Each network has its own h and w."""

    @abstractmethod
    def frame_inputs(self, i0_1CHW: Tensor, i1_1CHW: Tensor) -> tuple[Tensor, ...]:
        """Return the further inputs of `warped`, which do not depend on t."""

    @abstractmethod
    def warped(
        self,
        i0_1CHW: Tensor,
        i1_1CHW: Tensor,
        flows_14HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> Warped:
        """Return the source frames warped to each t, 0 < t < 1, in a region or the whole picture.

        Pictures and flows are whole, also for a region. Without `inputs`, it finds them.
        """

    @abstractmethod
    def blended(self, warped: Warped, t_B: Tensor) -> Tensor:
        """Return the frame at each t, [B, 3, H, W], from what `warped` returned, which may be overwritten."""

    def frames(
        self,
        i0_1CHW: Tensor,
        i1_1CHW: Tensor,
        flows_14HW: Tensor,
        t_B: Tensor,
        *inputs: Tensor,
        region: Region | None = None,
    ) -> Tensor:
        """Return the frame at each t, [B, 3, H, W], or a region of it, with the arguments of `warped`."""
        return self.blended(self.warped(i0_1CHW, i1_1CHW, flows_14HW, t_B, *inputs, region=region), t_B)
