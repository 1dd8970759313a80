"""The training state and its checkpoint, which is replaced atomically, so a kill never leaves a damaged one."""

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slomo_batch.errors import ManifestError
from slomo_batch.serialization import digest
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.model import TrainableNetwork, build_network
from slomo_batch.training.run_folder import CHECKPOINT


@dataclass(slots=True)
class TrainingState:
    """All state that a training step passes to the next."""

    network: TrainableNetwork
    average: TrainableNetwork
    """Exponential moving average of the weights."""
    optimizer: torch.optim.AdamW
    step: int = 0
    """Number of steps done."""


def checkpoint_id(config: TrainingConfig, data: str) -> str:
    """Return the id stored in a checkpoint: a digest of the config and of the data it resolved to."""
    return digest(config.digest(), data)


def load_or_start(config: TrainingConfig, data: str, folder: Path, device: torch.device) -> TrainingState:
    """Load the checkpoint in the folder, or return the initial state; `data` is the id of the data found.

    Raises:
        ManifestError: the checkpoint belongs to another config or other data.
        WeightsError: the initial weights cannot be used.
    """
    network = build_network(config).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = TrainingState(network=network, average=deepcopy(network), optimizer=optimizer)
    path = folder / CHECKPOINT
    if not path.exists():
        return state
    saved: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if saved["of"] != checkpoint_id(config, data):
        raise ManifestError(
            "the checkpoint belongs to another config or other videos", where=str(path), remedy="Choose another --out."
        )
    network.load_state_dict(saved["network"])
    state.average.load_state_dict(saved["average"])
    optimizer.load_state_dict(saved["optimiser"])
    state.step = saved["step"]
    return state


def save(state: TrainingState, checkpoint_id: str, folder: Path) -> None:
    """Replace the checkpoint in the folder with one of this state."""
    content = {
        "of": checkpoint_id,
        "step": state.step,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimizer.state_dict(),
    }
    replace_file(folder / CHECKPOINT, content)


def replace_file(path: Path, content: Mapping[str, object]) -> None:
    """Write `content` with torch.save, atomically."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)  # noqa: PTH105 replaces on every system
