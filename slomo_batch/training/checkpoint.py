"""The training state, its checkpoint, and the best average so far; files are replaced atomically, so a kill never
leaves a damaged one."""

import errno
import os
import pickle
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slomo_batch.errors import ManifestError
from slomo_batch.serialization import digest
from slomo_batch.storage.local_errors import storage_error
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.model import TrainableNetwork, build_network
from slomo_batch.training.run_folder import BEST, CHECKPOINT


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
        ManifestError: the checkpoint belongs to another config or other data, or is damaged.
        WeightsError: the initial weights cannot be used.
    """
    network = build_network(config).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = TrainingState(network=network, average=deepcopy(network), optimizer=optimizer)
    path = folder / CHECKPOINT
    if not path.exists():
        return state
    saved = _loaded(path, device)
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


# ---- the best average ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BestAverage:
    """The moving average with the best validation so far, and whose it is."""

    of: str
    """The id of the run, as in its checkpoint."""
    config: str
    """The digest of the config."""
    step: int
    scores: Mapping[str, float]
    """PSNR in dB by kind of data, and their `mean`."""
    average: Mapping[str, torch.Tensor]


def load_best(folder: Path) -> BestAverage | None:
    """Load the best average in the folder; None if nothing was validated there.

    Raises:
        ManifestError: the file is damaged, or of another version.
    """
    path = folder / BEST
    if not path.exists():
        return None
    content = _loaded(path, torch.device("cpu"))
    if content.keys() != set(BestAverage.__slots__):
        raise ManifestError("the file is of another version", where=str(path), remedy="Delete it.")
    return BestAverage(**content)


def save_best(best: BestAverage, folder: Path) -> None:
    """Replace the best average in the folder."""
    replace_file(folder / BEST, {name: getattr(best, name) for name in BestAverage.__slots__})


# ---- files -----------------------------------------------------------------------------------------------------------


def _loaded(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise ManifestError(
            f"the file is damaged: {reason}", where=str(path), remedy="Choose another --out, or delete it."
        ) from error
    return content


def replace_file(path: Path, content: Mapping[str, object]) -> None:
    """Write `content` with torch.save, atomically.

    Raises:
        DiskFull, StorageError: the disk is full, or fails.
    """
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise storage_error(error, str(path)) from error
    except RuntimeError as error:
        partial.unlink(missing_ok=True)
        if not re.search("unexpected pos|PytorchStreamWriter", str(error)):  # what torch says of a disk that is full
            raise
        raise storage_error(OSError(errno.ENOSPC, str(error)), str(path)) from error
    os.replace(partial, path)  # noqa: PTH105 replaces on every system
