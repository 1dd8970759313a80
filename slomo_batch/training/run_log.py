"""The log of a run: metrics.jsonl, TensorBoard and stderr. Only the leader writes it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from slomo_batch.sanitize import one_line
from slomo_batch.training.checkpoint import BestAverage, TrainingState, load_best, save_best
from slomo_batch.training.losses import Prediction
from slomo_batch.training.run_folder import METRICS, TENSORBOARD
from slomo_batch.training.samples import TrainingSample
from slomo_batch.training.tensorboard import TensorBoardWriter


class RunLog:
    """The log of a run in its folder, continued after `step`; lines of later steps, lost in a kill, are removed.

    `of` is the id of the run, `config` the digest of its config. What an earlier run of another config left in the
    folder before its first checkpoint is replaced.
    """

    def __init__(self, folder: Path, *, step: int, of: str, config: str) -> None:
        self._folder, self._of, self._config = folder, of, config
        self._metrics = folder / METRICS
        drop_lines_after(self._metrics, step)
        self._tensorboard = TensorBoardWriter(folder / TENSORBOARD, step=step)

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the loss, its terms and the speed of a step."""
        self._line({"step": step, **numbers})
        self._tensorboard.numbers(step, numbers, group="training")
        log(f"step {step}: loss {numbers['loss']:.4f}, {numbers['samples_per_s']:.1f} samples/s")

    def pictures(self, step: int, batch: TrainingSample, prediction: Prediction) -> None:
        """Log the predictions for a batch."""
        self._tensorboard.pictures(step, batch, prediction)

    def validation(self, state: TrainingState, scores: Mapping[str, float]) -> None:
        """Log the scores of the moving average, and save it if it is the best so far."""
        best = load_best(self._folder)
        if best is None or best.of != self._of or scores["mean"] > best.scores["mean"]:
            now = BestAverage(
                of=self._of,
                config=self._config,
                step=state.step,
                scores=dict(scores),
                average=state.average.state_dict(),
            )
            save_best(now, self._folder)
        self._line({"step": state.step, "validation": dict(scores)})
        self._tensorboard.numbers(state.step, scores, group="validation")
        log(f"step {state.step}: validation {scores['mean']:.3f} dB")

    def flush(self) -> None:
        """Flush everything to disk."""
        self._tensorboard.flush()

    def close(self) -> None:
        """Flush everything to disk, and close."""
        self._tensorboard.close()

    def _line(self, line: Mapping[str, object]) -> None:
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def log(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(one_line(line) + "\n")
    sys.stderr.flush()


def drop_lines_after(path: Path, step: int) -> None:
    """Remove the lines of steps after `step`, and an incomplete last line; all if the run begins, at step 0."""
    if not step:
        path.unlink(missing_ok=True)
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
