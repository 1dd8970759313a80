"""What a run tells of itself: a line in metrics.jsonl, on TensorBoard, and on stderr; by its leading worker alone."""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from slomo_batch.sanitize import one_line
from slomo_batch.training.checkpoint import State, replace_file
from slomo_batch.training.losses import Made
from slomo_batch.training.run_folder import BEST, BOARD, METRICS
from slomo_batch.training.samples import Sample
from slomo_batch.training.tensorboard import Board


class Record:
    """The record of a run in its folder, going on after `step` steps: lines of later ones, undone by a kill, go."""

    def __init__(self, folder: Path, *, step: int) -> None:
        self._folder = folder
        self._metrics = folder / METRICS
        drop_undone(self._metrics, step)
        self._board = Board(folder / BOARD, step=step)

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        """The loss, its pieces, and how fast it went."""
        self._line({"step": step, **numbers})
        self._board.numbers(step, numbers, group="training")
        say(f"step {step}: loss {numbers['loss']:.4f}, {numbers['samples_per_s']:.1f} samples/s")

    def pictures(self, step: int, batch: Sample, made: Made) -> None:
        """What the network makes of a batch."""
        self._board.pictures(step, batch, made)

    def validation(self, state: State, scores: Mapping[str, float]) -> None:
        """The scores of the average, which is kept where it is the best so far."""
        if scores["mean"] > self._best_mean():
            content = {"step": state.step, "mean": scores["mean"], "average": state.average.state_dict()}
            replace_file(self._folder / BEST, content)
        self._line({"step": state.step, "validation": dict(scores)})
        self._board.numbers(state.step, scores, group="validation")
        say(f"step {state.step}: validation {scores['mean']:.3f} dB")

    def flush(self) -> None:
        """Bring everything to the disk."""
        self._board.flush()

    def close(self) -> None:
        """Bring everything to the disk, and end."""
        self._board.close()

    def _best_mean(self) -> float:
        path = self._folder / BEST
        return float(torch.load(path, map_location="cpu", weights_only=True)["mean"]) if path.exists() else -math.inf

    def _line(self, line: Mapping[str, object]) -> None:
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def say(line: str) -> None:
    """Tell whoever watches."""
    sys.stderr.write(one_line(line) + "\n")
    sys.stderr.flush()


def drop_undone(path: Path, step: int) -> None:
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
