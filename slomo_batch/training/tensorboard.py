"""Write a run's metrics and example predictions for TensorBoard.

A resumed run adds a file; `purge_step` makes TensorBoard ignore the steps that were lost in a kill.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from slomo_batch.training.losses import Prediction
from slomo_batch.training.samples import TrainingSample

MAX_SHOWN = 4
"""Samples of a batch that are shown, stacked vertically."""


class TensorBoardWriter:
    """Writes TensorBoard's files into a folder."""

    def __init__(self, folder: Path, *, step: int) -> None:
        """Continue after `step`; later steps in existing files are ignored."""
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def numbers(self, step: int, numbers: Mapping[str, float], *, group: str) -> None:
        """Write numbers of a step."""
        for name, value in numbers.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def pictures(self, step: int, batch: TrainingSample, prediction: Prediction) -> None:
        """Write the frames, flows and visibility of the first samples of a step."""
        strips = {
            "i0, made, true, i1": torch.cat([_shown(image) for image in _strip(batch, prediction)], dim=2),
            "flow to i0, flow to i1": torch.cat(
                [_shown(flow_to_rgb(flow)) for flow in torch.split(prediction.flows_t, 2, dim=1)], dim=2
            ),
            "visibility of i0": _shown(prediction.visibility_t0.expand(-1, 3, -1, -1)),
        }
        for name, picture_3HW in strips.items():
            self._writer.add_image(name, picture_3HW, step)

    def flush(self) -> None:
        """Flush everything to disk."""
        self._writer.flush()

    def close(self) -> None:
        """Flush everything to disk, and close."""
        self._writer.close()


def _strip(batch: TrainingSample, prediction: Prediction) -> list[Tensor]:
    seen0, frame, seen1 = (batch[name].float() / 255 for name in ("seen0", "frame", "seen1"))
    return [seen0, prediction.frame, frame, seen1]


def _shown(image_B3HW: Tensor) -> Tensor:
    """Stack the first pictures vertically, [3, n H, W], 0 to 1."""
    return torch.cat(list(image_B3HW[:MAX_SHOWN].detach().float().clamp(0, 1)), dim=1).cpu()


def flow_to_rgb(flow_B2HW: Tensor) -> Tensor:
    """Color-code flow, [B, 3, H, W]: hue is the direction (right red, down yellow-green, left cyan, up violet),
    saturation the length relative to the longest in the batch; white is no motion."""
    across, down = flow_B2HW.detach().float().unbind(dim=1)
    length = torch.hypot(across, down)
    strength = length / length.max().clamp(min=1e-6)
    turn = torch.atan2(down, across) / (2 * math.pi)
    offsets = turn.new_tensor((0, 1 / 3, 2 / 3))[:, None, None]
    distance = ((turn[:, None] - offsets + 0.5) % 1 - 0.5).abs()
    pure = (2 - 6 * distance).clamp(0, 1)
    return 1 - strength[:, None] * (1 - pure)
