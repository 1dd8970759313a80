"""The training loop: resumable to the step, killed at any moment at the cost of a minute, shared by any number of
workers.

All that goes from one step to the next is in the checkpoint. Samples and learning rate follow from the step's
number, so a run that goes on is the unbroken run. The leading worker alone validates, writes and tells.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from slomo_batch.training.checkpoint import State, identity, resumed, save
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.distributed import Shares, WorkerGroup
from slomo_batch.training.learning_rate import learning_rate
from slomo_batch.training.metrics_log import Record, say
from slomo_batch.training.model import Judged, Network, TrainingModel, follow, perceptual_of
from slomo_batch.training.run_folder import Place
from slomo_batch.training.samples import Sample, Samples

METRICS_EVERY = 10
PICTURES_EVERY = 100

Validate = Callable[[Network], Mapping[str, float]]
ALONE = WorkerGroup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run is carried out; none of it changes the weights."""

    threads: int = 1
    data_workers: int = 1
    """Processes that make samples for each worker; 0: it makes them itself."""
    checkpoint_s: float = 60.0
    validate_every: int = 200
    """Steps; 0: never."""
    stop_at: int = 0
    """Step at which to stop, to go on another time; 0: at the end."""


def train(
    config: TrainingConfig,
    samples: Samples,
    place: Place,
    *,
    pace: Pace,
    validate: Validate,
    group: WorkerGroup = ALONE,
    data: str = "",
) -> Network:
    """Train, going on where the place's checkpoint stands; the moving average of the weights at the end.

    Args:
        config: what to train.
        samples: by number; step k takes numbers k * batch on.
        place: keeps the checkpoint, the metrics and the best average so far.
        pace: how.
        validate: scores of a network, `mean` among them; the average's at every validation.
        group: the workers that share each step, each of whom calls this.
        data: names the data that the config's sources came to.

    Raises:
        ManifestError: the checkpoint is of another config or other data, or the workers see different ones.
        JobTaken: another run goes on at this place.
    """
    torch.set_num_threads(pace.threads)
    with place.held() if group.leads else nullcontext():
        group.agree(config.steps, "config")
        place.fetch()
        state = resumed(config, data, place.folder, group.device)
        group.agree(state.step, "checkpoint")
        run = Run(config, state, place, pace=pace, validate=validate, group=group)
        run.go(samples, of=identity(config, data))
    return state.average


class Run:
    """One worker's part in a run."""

    def __init__(
        self, config: TrainingConfig, state: State, place: Place, *, pace: Pace, validate: Validate, group: WorkerGroup
    ) -> None:
        """Take up the state, as all workers of the group do."""
        self._config, self._state, self._place, self._pace = config, state, place, pace
        self._validate, self._crew = validate, group
        perceptual = perceptual_of(config, group.device)
        self._trainee: nn.Module = TrainingModel(state.network, config, perceptual)
        if group.size > 1:
            self._trainee = DistributedDataParallel(self._trainee)
        self._record = Record(place.folder, step=state.step) if group.leads else None
        if group.leads and config.losses.perceptual and perceptual is None:
            say("perceptual: off, since losses.vgg16 names no weights")

    def go(self, samples: Samples, *, of: str) -> None:
        """From the state's step to the end, or to where it is to stop; `of` is the checkpoints' identity."""
        state, last = self._state, self._pace.stop_at or self._config.steps
        if state.step == 0:
            self._judge()
        first, began_s = state.step, time.monotonic()
        saved_s = began_s
        for batch in self._batches(samples, min(last, self._config.steps)):
            told = self._step(batch)
            if state.step % METRICS_EVERY == 0:
                self._tell(told, (state.step - first) / (time.monotonic() - began_s))
            if state.step % max(1, self._pace.validate_every) == 0:
                self._judge()
            if self._crew.leads and time.monotonic() - saved_s >= self._pace.checkpoint_s:
                self._save(of)
                saved_s = time.monotonic()
        if self._record is not None:
            self._save(of)
            self._record.close()
            self._place.send()

    def _batches(self, samples: Samples, last: int) -> Iterator[Sample]:
        """This worker's part of every step's samples. Processes are spawned: forked ones deadlock in torch."""
        shares = Shares(batch=self._config.batch, first_step=self._state.step, steps=last, group=self._crew)
        workers, device = self._pace.data_workers, self._crew.device
        loader: DataLoader[Sample] = DataLoader(
            samples,
            batch_size=shares.each,
            sampler=shares,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            prefetch_factor=4 if workers else None,
            pin_memory=device.type == "cuda",
        )
        for batch in loader:
            yield {name: value.to(device, non_blocking=True) for name, value in batch.items()}

    def _step(self, batch: Sample) -> Mapping[str, Tensor]:
        state, config = self._state, self._config
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(config, state.step)
        judged: Judged = self._trainee(batch, self._crew.mean(batch["has_flow"].sum()), state.step)
        state.optimiser.zero_grad(set_to_none=True)
        judged.loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.max_gradient_norm or math.inf)
        state.optimiser.step()
        follow(state.average, state.network, config.ema_decay)
        if self._record is not None and state.step % PICTURES_EVERY == 0:
            self._record.pictures(state.step + 1, batch, judged.made)
        state.step += 1
        return {"loss": judged.loss.detach(), **judged.pieces, "gradient_norm": norm.detach()}

    def _tell(self, told: Mapping[str, Tensor], steps_per_s: float) -> None:
        """Means over all workers, who therefore all come here."""
        numbers = {name: float(self._crew.mean(value)) for name, value in told.items()}
        if self._record is not None:
            numbers["learning_rate"] = learning_rate(self._config, self._state.step - 1)
            numbers["samples_per_s"] = steps_per_s * self._config.batch
            self._record.step(self._state.step, numbers)

    def _judge(self) -> None:
        if self._record is not None and self._pace.validate_every:
            self._record.validation(self._state, self._validate(self._state.average))

    def _save(self, of: str) -> None:
        if self._record is not None:
            self._record.flush()
        save(self._state, of, self._place.folder)
        self._place.send()
