"""What goes from one step to the next, and how it is kept: a checkpoint is written beside the old one and put in its
place, so that a kill at any moment leaves a whole one."""

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
from slomo_batch.training.model import Network, network_of
from slomo_batch.training.run_folder import CHECKPOINT


@dataclass(slots=True)
class State:
    """What goes from one step to the next."""

    network: Network
    average: Network
    optimiser: torch.optim.AdamW
    step: int = 0
    """Steps done."""


def identity(config: TrainingConfig, data: str) -> str:
    """Names what a checkpoint is of: a config, and the data that were found by it."""
    return digest(config.digest(), data)


def resumed(config: TrainingConfig, data: str, folder: Path, device: torch.device) -> State:
    """The state at the folder's checkpoint, or at the beginning; `data` names the data that were found.

    Raises:
        ManifestError: the checkpoint is of another config, or of other data.
        WeightsError: the weights to begin with cannot be used.
    """
    network = network_of(config).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = State(network=network, average=deepcopy(network), optimiser=optimiser)
    path = folder / CHECKPOINT
    if not path.exists():
        return state
    kept: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if kept["of"] != identity(config, data):
        raise ManifestError(
            "is of another config or of other videos", where=str(path), remedy="Train these in a place of their own."
        )
    network.load_state_dict(kept["network"])
    state.average.load_state_dict(kept["average"])
    optimiser.load_state_dict(kept["optimiser"])
    state.step = kept["step"]
    return state


def save(state: State, of: str, folder: Path) -> None:
    """Put a checkpoint of the state in the place of the old one; `of` is its identity."""
    content = {
        "of": of,
        "step": state.step,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    replace_file(folder / CHECKPOINT, content)


def replace_file(path: Path, content: Mapping[str, object]) -> None:
    """Write what torch can store under this name, whole or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)  # noqa: PTH105 replaces on every system
