"""Rows of the table that measures a device, and how large a measurement is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from slomo_batch.interpolators.device import device_kind

DEVICE = torch.device(device_kind())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table."""

    what: str
    value: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.value} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large the measurements are."""

    width: int
    height: int
    num_frames: int
    """Source frames of a clip."""
    rounds: int
    lumas: range
    """Values of luma with which all pairs of chroma samples are tried."""
    presets: tuple[str, ...]

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


FULL = Scale(
    width=1920, height=1080, num_frames=32, rounds=10, lumas=range(256), presets=("medium", "veryfast", "ultrafast")
)
SMALL = Scale(width=192, height=96, num_frames=6, rounds=1, lumas=range(0, 256, 32), presets=("veryfast",))
"""For a CPU: the script is tested, and little is measured."""


def timed_ms(run: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of a call, after one that does not count. Waits for the device."""
    took = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        run()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        took += [time.perf_counter() - began] if number else []
    return 1000 * median(took)
