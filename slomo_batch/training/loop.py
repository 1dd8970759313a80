"""The training loop: resumable to the step, killed at any moment at the cost of a minute.

All that goes from one step to the next is in the checkpoint: weights, their moving average, the optimiser's state, the
number of steps done. Samples, levels and learning rate follow from the step's number. A checkpoint is written beside
the old one and put in its place. metrics.jsonl has a line per ten steps and per validation; lines of steps that a kill
undid are dropped on going on.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.inference import DTYPES
from slomo_batch.interpolators.superslomo.weights import load, resolve_name, shipped, shipped_names
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.losses import Truth, total
from slomo_batch.training.samples import Sample, Samples
from slomo_batch.training.unrolled import unrolled

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"
BEST = "best.pt"
METRICS_EVERY = 10

Validate = Callable[[Guided], Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run is carried out; none of it changes the weights."""

    threads: int = 1
    data_workers: int = 1
    """Processes that make samples; 0: the loop makes them itself."""
    checkpoint_s: float = 60.0
    validate_every: int = 200
    """Steps; 0: never."""
    stop_after_s: float = math.inf
    """Checkpoint and stop, to go on another time."""


@dataclass(slots=True)
class State:
    """What goes from one step to the next."""

    network: Guided
    average: Guided
    optimiser: torch.optim.AdamW
    step: int = 0
    """Steps done."""


def train(config: TrainingConfig, samples: Samples, folder: Path, pace: Pace, validate: Validate) -> Guided:
    """Train, going on where the folder's checkpoint stands; the moving average of the weights at the end.

    Args:
        config: what to train.
        samples: by number; step k takes numbers k * batch on.
        folder: keeps the checkpoint, the metrics and the best average so far.
        pace: how.
        validate: scores of a network, `mean` among them; the average's at every validation.
    """
    torch.set_num_threads(pace.threads)
    folder.mkdir(parents=True, exist_ok=True)
    state = resumed(config, folder)
    _drop_undone(folder / METRICS, state.step)
    if pace.validate_every and state.step == 0:
        _validated(state, folder, validate)
    first_step, began_s = state.step, time.monotonic()
    saved_s = began_s
    for batch in _batches(config, samples, state.step, pace.data_workers):
        told = _one_step(state, config, batch)
        state.step += 1
        if state.step % METRICS_EVERY == 0:
            told["samples_per_s"] = (state.step - first_step) * config.batch / (time.monotonic() - began_s)
            _tell(folder, {"step": state.step, **told})
        if pace.validate_every and state.step % pace.validate_every == 0:
            _validated(state, folder, validate)
        now_s = time.monotonic()
        if now_s - saved_s >= pace.checkpoint_s:
            save(state, config, folder)
            saved_s = now_s
        if now_s - began_s >= pace.stop_after_s:
            break
    save(state, config, folder)
    return state.average


# ---- one step --------------------------------------------------------------------------------------------------------


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Up in a straight line, then down along a cosine."""
    if step < config.warm_up_steps:
        return config.learning_rate * (step + 1) / config.warm_up_steps
    done = (step - config.warm_up_steps) / max(1, config.steps - config.warm_up_steps)
    fall = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return config.learning_rate * (config.last_share + (1 - config.last_share) * fall)


def _one_step(state: State, config: TrainingConfig, batch: Sample) -> dict[str, float]:
    rate = learning_rate(config, state.step)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    seen0, seen1, i0, frame, i1 = (batch[name].float() / 255 for name in ("seen0", "seen1", "i0", "frame", "i1"))
    truth = Truth(i0=i0, frame=frame, i1=i1, flows=batch["flows"].float(), has_flow=batch["has_flow"])
    made = unrolled(state.network, seen0, seen1, batch["prior"].float(), batch["t"], dtype=DTYPES[config.precision])
    loss, pieces = total(made, truth, config.losses, progress=state.step / config.steps)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), config.max_gradient_norm)
    state.optimiser.step()
    _follow(state.average, state.network, config.ema_decay)
    return {"loss": float(loss.detach()), **pieces, "gradient_norm": float(norm), "learning_rate": rate}


@torch.no_grad()
def _follow(average: Guided, network: Guided, decay: float) -> None:
    for mean, new in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)


def _batches(config: TrainingConfig, samples: Samples, first_step: int, workers: int) -> Iterator[Sample]:
    """The batches of the steps from `first_step` on. Workers are spawned: forked ones deadlock in torch."""
    numbers = range(first_step * config.batch, config.steps * config.batch)
    loader: DataLoader[Sample] = DataLoader(
        samples,
        batch_size=config.batch,
        sampler=numbers,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=4 if workers else None,
    )
    yield from loader


# ---- what is kept ----------------------------------------------------------------------------------------------------


def resumed(config: TrainingConfig, folder: Path) -> State:
    """The state at the folder's checkpoint, or at the beginning.

    Raises:
        ManifestError: the checkpoint is of another config.
    """
    torch.manual_seed(config.seed)
    network = Guided()
    if config.start:
        network.load_state_dict(load(_weights_path(config.start)).tensors)
        if config.zero_last_layers:
            network.make_transparent()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = State(network=network, average=deepcopy(network), optimiser=optimiser)
    path = folder / CHECKPOINT
    if not path.exists():
        return state
    kept: dict[str, Any] = torch.load(path, weights_only=True)
    if kept["config"] != config.digest():
        raise ManifestError("is of another config", where=str(path), remedy="Train this one in a folder of its own.")
    network.load_state_dict(kept["network"])
    state.average.load_state_dict(kept["average"])
    optimiser.load_state_dict(kept["optimiser"])
    state.step = kept["step"]
    return state


def _weights_path(start: str) -> Path:
    name = resolve_name(start)
    return shipped(name) if name in shipped_names() else Path(start)


def save(state: State, config: TrainingConfig, folder: Path) -> None:
    """Put a checkpoint of the state in the place of the old one."""
    content = {
        "config": config.digest(),
        "step": state.step,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    _replace(folder / CHECKPOINT, content)


def _replace(path: Path, content: Mapping[str, object]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)  # noqa: PTH105 replaces on every system


def _validated(state: State, folder: Path, validate: Validate) -> None:
    scores = validate(state.average)
    if scores["mean"] > _best_mean(folder):
        tensors: dict[str, Tensor] = state.average.state_dict()
        _replace(folder / BEST, {"step": state.step, "mean": scores["mean"], "average": tensors})
    _tell(folder, {"step": state.step, "validation": dict(scores)})


def _best_mean(folder: Path) -> float:
    path = folder / BEST
    return float(torch.load(path, weights_only=True)["mean"]) if path.exists() else -math.inf


def _tell(folder: Path, line: Mapping[str, object]) -> None:
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _drop_undone(path: Path, step: int) -> None:
    """Drop the lines of steps after `step`, and one that was cut short."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except json.JSONDecodeError:
            continue
    path.write_text("".join(kept), encoding="utf-8")
