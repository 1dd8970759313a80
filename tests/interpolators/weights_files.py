"""Weights files for tests, some with the shapes of the public checkpoint."""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.paper import Paper

PUBLIC_SHAPES = {
    "conv1": (32, 0, 7), "conv2": (32, 32, 7),
    "down1.conv1": (64, 32, 5), "down1.conv2": (64, 64, 5),
    "down2.conv1": (128, 64, 3), "down2.conv2": (128, 128, 3),
    "down3.conv1": (256, 128, 3), "down3.conv2": (256, 256, 3),
    "down4.conv1": (512, 256, 3), "down4.conv2": (512, 512, 3),
    "down5.conv1": (512, 512, 3), "down5.conv2": (512, 512, 3),
    "up1.conv1": (512, 512, 3), "up1.conv2": (512, 1024, 3),
    "up2.conv1": (256, 512, 3), "up2.conv2": (256, 512, 3),
    "up3.conv1": (128, 256, 3), "up3.conv2": (128, 256, 3),
    "up4.conv1": (64, 128, 3), "up4.conv2": (64, 128, 3),
    "up5.conv1": (32, 64, 3), "up5.conv2": (32, 64, 3),
    "conv3": (0, 32, 3),
}  # fmt: skip
"""Outputs, inputs and kernel of each convolution of the public checkpoint; 0 where the two nets differ."""


def public_state(inputs: int, outputs: int, *, seed: int) -> dict[str, Tensor]:
    """A state dict with the public checkpoint's keys and shapes, and weights that keep signals alive."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, (rows, columns, kernel) in PUBLIC_SHAPES.items():
        shape = (rows or outputs, columns or inputs, kernel, kernel)
        spread = (2 / (shape[1] * kernel * kernel)) ** 0.5
        state[f"{key}.weight"] = torch.empty(shape).uniform_(-1.7, 1.7, generator=generator).mul_(spread)
        state[f"{key}.bias"] = torch.empty(shape[0]).uniform_(-0.05, 0.05, generator=generator)
    return state


def public_checkpoint(channels: int = 3) -> dict[str, Any]:
    """What torch.save got in the reference's training script; with 1 channel, what v2e ships."""
    return {
        "Detail": "End to end Super SloMo.",
        "epoch": 199,
        "timestamp": dt.datetime(2018, 11, 20, 3, 4, 5),  # noqa: DTZ001 as the reference writes it
        "trainBatchSz": 6,
        "validationBatchSz": 10,
        "learningRate": 1e-6,
        "loss": [[7.25, 6.5], [5.0]],
        "valLoss": [[6.25]],
        "valPSNR": [[np.float64(24.5)]],
        "state_dictFC": public_state(2 * channels, 4, seed=1),
        "state_dictAT": public_state(4 * channels + 8, 5, seed=2),
    }


FLOW_GAIN = 30
"""Makes the random net's flow some pixels long, so that warps are seen."""


@cache
def paper() -> Paper:
    """The paper's network with the weights of `public_checkpoint`, but for FLOW_GAIN; not to be changed."""
    network = Paper()
    network.fc.load_state_dict(public_state(6, 4, seed=1))
    network.fc.conv3.weight.data.mul_(FLOW_GAIN)
    network.at.load_state_dict(public_state(20, 5, seed=2))
    return network.eval().requires_grad_(False)


class Dangerous:
    """Unpickled without care, it would make a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)
