"""The training loop: exactly resumable, and shared by any number of workers.

The checkpoint contains all state that a step passes to the next. Samples and learning rate depend only on the step
number, so a resumed run gives the same weights as an uninterrupted one. A kill loses at most the steps since the last
checkpoint, a minute by default. Only the leader validates, writes files and logs.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

from slomo_batch.errors import ManifestError
from slomo_batch.training.checkpoint import TrainingState, checkpoint_id, load_or_start, save
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.distributed import WorkerGroup, WorkerSampler
from slomo_batch.training.learning_rate import learning_rate
from slomo_batch.training.model import LossOutput, TrainableNetwork, TrainingModel, build_perceptual_losses, update_ema
from slomo_batch.training.run_folder import RunFolder
from slomo_batch.training.run_log import RunLog, log
from slomo_batch.training.samples import TrainingSample

METRICS_EVERY = 10
PICTURES_EVERY = 100

Validate = Callable[[TrainableNetwork], Mapping[str, float]]
SINGLE_WORKER = WorkerGroup()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOptions:
    """Options of a run that do not change the weights."""

    threads: int = 1
    """CPU threads of torch in each worker."""
    data_workers: int = 1
    """Processes that prepare samples, for each worker; 0: the worker prepares them itself."""
    checkpoint_s: float = 60.0
    """Seconds between checkpoints."""
    validate_every: int = 200
    """Steps between validations; 0: never."""
    stop_at: int = 0
    """Stop after this step; a later run resumes. 0: run to the end."""
    stop_by_s: float = math.inf
    """Stop once this Unix time is over, which is looked at every METRICS_EVERY steps; likewise."""


def train(
    config: TrainingConfig,
    open_samples: Callable[[], Dataset[TrainingSample]],
    run_folder: RunFolder,
    *,
    options: LoopOptions,
    validate: Validate,
    group: WorkerGroup = SINGLE_WORKER,
    data: str = "",
) -> TrainableNetwork:
    """Train from the run folder's checkpoint, or from the start; return the moving average of the weights.

    Args:
        config: the training config.
        open_samples: opens the data set, of which step k takes samples [k * batch, (k + 1) * batch). It may write to
            the run's folder: it is called once the folder is locked, and its checkpoint is known to be this run's.
        run_folder: stores the checkpoint, the metrics and the best average so far.
        options: options that do not change the weights.
        validate: returns the scores of a network, including `mean`; called with the moving average.
        group: the workers that share each step; each of them calls this function.
        data: id of the data that the config's sources resolved to.

    Raises:
        ManifestError: the checkpoint belongs to another config or other data, or differs between workers; or the loss
            is no longer a finite number.
        JobTaken: another run uses this folder.
    """
    torch.set_num_threads(options.threads)
    with run_folder.locked() if group.is_leader else nullcontext():
        group.check_equal(config.steps, "config")
        run_folder.download()
        state = load_or_start(config, data, run_folder.folder, group.device)
        group.check_equal(state.step, "checkpoint")
        of = checkpoint_id(config, data)
        loop = TrainingLoop(config, state, run_folder, options=options, validate=validate, group=group, of=of)
        loop.run(open_samples())
    return state.average


class TrainingLoop:
    """The part of one worker in a run."""

    def __init__(
        self,
        config: TrainingConfig,
        state: TrainingState,
        run_folder: RunFolder,
        *,
        options: LoopOptions,
        validate: Validate,
        group: WorkerGroup,
        of: str,
    ) -> None:
        """Start from `state`, which is the same on all workers of the group; `of` is the id of the run."""
        self._config, self._state, self._run_folder, self._options = config, state, run_folder, options
        self._validate, self._group, self._of = validate, group, of
        vgg = build_perceptual_losses(config, group.device)
        self._model: nn.Module = TrainingModel(state.network, config, vgg)
        if group.size > 1:
            self._model = DistributedDataParallel(self._model)
        self._run_log = (
            RunLog(run_folder.folder, step=state.step, of=of, config=config.digest()) if group.is_leader else None
        )
        if group.is_leader and (config.losses.perceptual or config.losses.style) and vgg is None:
            log("the perceptual and the style loss are off: losses.vgg16 is not set")

    def run(self, samples: Dataset[TrainingSample]) -> None:
        """Run the remaining steps, up to `stop_at`."""
        state, last = self._state, min(self._options.stop_at or self._config.steps, self._config.steps)
        if state.step == 0:
            self._run_validation()
        first, began_s = state.step, time.monotonic()
        saved_s = began_s
        for batch in self._batches(samples, last):
            metrics = self._step(batch)
            is_last = state.step == last
            if state.step % METRICS_EVERY == 0:
                self._log(metrics, (state.step - first) / (time.monotonic() - began_s))
                is_last |= self._is_time_over()
            if is_last or state.step % max(1, self._options.validate_every) == 0:
                self._run_validation()
            if is_last:
                _check_finite(metrics)
                break
            if self._group.is_leader and time.monotonic() - saved_s >= self._options.checkpoint_s:
                _check_finite(metrics)
                self._save()
                saved_s = time.monotonic()
        if self._run_log is not None:
            self._save()
            if state.step < self._config.steps:
                log(f"stopped after step {state.step:,} of {self._config.steps:,}; the same command goes on")
            self._run_log.close()
            self._run_folder.upload()

    def _batches(self, samples: Dataset[TrainingSample], last: int) -> Iterator[TrainingSample]:
        """Yield this worker's batch of each step. Data workers are spawned: forked processes deadlock in torch."""
        sampler = WorkerSampler(batch=self._config.batch, first_step=self._state.step, steps=last, group=self._group)
        workers, device = self._options.data_workers, self._group.device
        loader: DataLoader[TrainingSample] = DataLoader(
            samples,
            batch_size=sampler.each,
            sampler=sampler,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            prefetch_factor=4 if workers else None,
            pin_memory=device.type == "cuda",
        )
        for batch in loader:
            yield {name: value.to(device, non_blocking=True) for name, value in batch.items()}

    def _step(self, batch: TrainingSample) -> Mapping[str, Tensor]:
        state, config = self._state, self._config
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(config, state.step)
        output: LossOutput = self._model(batch, self._group.mean(batch["has_flow"].sum()), state.step)
        waits = self._group.device.type == "cpu"  # a GPU would have to be waited for
        if waits:
            _check_finite({"loss": output.loss.detach()})
        state.optimizer.zero_grad(set_to_none=True)
        output.loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.max_gradient_norm or math.inf)
        if waits:
            _check_finite({"gradient_norm": norm.detach()})
        state.optimizer.step()
        update_ema(state.average, state.network, config.ema_decay)
        if self._run_log is not None and state.step % PICTURES_EVERY == 0:
            self._run_log.pictures(state.step + 1, batch, output.prediction)
        state.step += 1
        return {"loss": output.loss.detach(), **output.terms, "gradient_norm": norm.detach()}

    def _log(self, metrics: Mapping[str, Tensor], steps_per_s: float) -> None:
        """Log the means over all workers; a collective operation that every worker must call."""
        _check_finite(metrics)
        numbers = {name: float(self._group.mean(value)) for name, value in metrics.items()}
        if self._run_log is not None:
            numbers["learning_rate"] = learning_rate(self._config, self._state.step - 1)
            numbers["samples_per_s"] = steps_per_s * self._config.batch
            self._run_log.step(self._state.step, numbers)

    def _is_time_over(self) -> bool:
        """Whether some worker's clock says so; a collective operation that every worker must call."""
        is_over = torch.tensor(float(time.time() > self._options.stop_by_s), device=self._group.device)
        return bool(self._group.mean(is_over) > 0)

    def _run_validation(self) -> None:
        if self._run_log is not None and self._options.validate_every:
            self._run_log.validation(self._state, self._validate(self._state.average))

    def _save(self) -> None:
        if self._run_log is not None:
            self._run_log.flush()
        save(self._state, self._of, self._run_folder.folder)
        self._run_folder.upload()


def _check_finite(metrics: Mapping[str, Tensor]) -> None:
    """Check the loss and the norm of the gradient, if they are among the metrics, before they spoil a checkpoint.

    Raises:
        ManifestError: the run has diverged.
    """
    for name in metrics.keys() & {"loss", "gradient_norm"}:
        if not bool(torch.isfinite(metrics[name])):
            raise ManifestError(
                f"the run has diverged: its {name.replace('_', ' ')} is {float(metrics[name])}",
                remedy="Lower learning_rate or max_gradient_norm, and choose another --out.",
            )
