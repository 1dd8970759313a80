"""The prior flow of `guided`: which search finds it. This is a property of the weights, stated in their header.

All searches see 8-bit luma of half-size pictures, with patches of 8x8 px. OpenCV's subtracts the mean of patches and
propagates motion between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional

from slomo_batch.color.transfers import to_device
from slomo_batch.interpolators import dis, inverse_search
from slomo_batch.interpolators.superslomo.median import median_3x3

PriorKind = Literal["dis-cpu", "dis-device", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSearch:
    """Everything that decides a prior flow. The defaults are those of weights without an entry in their header."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: PriorKind = "dis-cpu"
    """dis-cpu: OpenCV's dense inverse search, on the CPU. dis-device: that of `inverse_search`, on the device of the
    network. none: no motion."""
    finest_scale: int = 0
    """How often pictures are halved for the last search of dis-cpu; 0: the half-size pictures themselves."""
    patch_stride: int = 4
    """Distance between patches of dis-cpu, in pixels, 1 to 8."""
    descent_iterations: int = 16
    """Most steps of gradient descent for a patch; dis-device takes exactly so many at the finest scale."""
    refinement_iterations: int = 3
    """Steps of variational refinement at each scale of dis-cpu."""
    median_px: int = 1
    """1, or 3: the flow is the median of 3x3 vectors around each, at a quarter of the picture's resolution."""

    def __str__(self) -> str:
        """As `slomo-batch weights show` prints it."""
        if self.kind == "none":
            return "none"
        numbers = f"{self.descent_iterations} descent iterations, median over {self.median_px} px"
        if self.kind == "dis-device":
            return f"dis-device, {numbers}"
        return (
            f"dis-cpu, finest scale {self.finest_scale}, patch stride {self.patch_stride}, {numbers}, "
            f"{self.refinement_iterations} refinement iterations"
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield each field whose value cannot be used, and what it must be."""
        for name, least, most in (
            ("finest_scale", 0, MAX_SCALE),
            ("patch_stride", 1, inverse_search.PATCH_PX),
            ("descent_iterations", 1, MAX_ITERATIONS),
            ("refinement_iterations", 0, MAX_ITERATIONS),
        ):
            if not least <= getattr(self, name) <= most:
                yield name, f"must be from {least} to {most}, got {getattr(self, name)}"
        if self.median_px not in (1, 3):
            yield "median_px", f"must be 1 or 3, got {self.median_px}"
        if self.kind == "dis-device":
            for name, only in (("finest_scale", 0), ("patch_stride", 4), ("refinement_iterations", 0)):
                if getattr(self, name) != only:
                    yield name, f"must be {only} with dis-device, got {getattr(self, name)}"


MAX_SCALE = 3
MAX_ITERATIONS = 256
FIRST = PriorSearch()
"""The search of compact-2 and compact-3, whose headers do not state it."""
NO_PRIOR = PriorSearch(kind="none")


def find_prior(search: PriorSearch, i0_1CHW: Tensor, i1_1CHW: Tensor) -> Tensor:
    """Estimate flow_01 and flow_10, [1, 4, H / 2, W / 2], in pixels of the pictures given, on their device.

    Args:
        search: how.
        i0_1CHW: RGB 0 to 1 at half size, height and width even, on any device.
        i1_1CHW: the next source frame, likewise.
    """
    match search.kind:
        case "none":
            height, width = i0_1CHW.shape[-2:]
            return i0_1CHW.new_zeros(1, 4, height // 2, width // 2)
        case "dis-cpu":
            found = functional.avg_pool2d(_by_opencv(search, i0_1CHW[0], i1_1CHW[0]), 2)
            return to_device(_filtered(search, found), i0_1CHW.device)
        case "dis-device":
            levels = (dis.luma(image_1CHW[0])[None] for image_1CHW in (i0_1CHW, i1_1CHW))
            found = inverse_search.bidirectional_flow(*levels, iterations=search.descent_iterations)
            return _filtered(search, functional.avg_pool2d(found, 2))


def _by_opencv(search: PriorSearch, i0_CHW: Tensor, i1_CHW: Tensor) -> Tensor:
    """Search on the CPU, [1, 4, H, W]."""

    def opened() -> dis.Search:
        return dis.small_picture_search(
            finest_scale=search.finest_scale,
            patch_stride=search.patch_stride,
            descent_iterations=search.descent_iterations,
            refinement_iterations=search.refinement_iterations,
        )

    return dis.bidirectional_flow(opened, *dis.luma_of_pair(i0_CHW, i1_CHW))


def _filtered(search: PriorSearch, flow_14HW: Tensor) -> Tensor:
    return flow_14HW if search.median_px == 1 else median_3x3(flow_14HW)
