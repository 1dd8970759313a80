"""The model to train: the network of a config, the loss of a batch, and the moving average of the weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.device import DTYPES
from slomo_batch.interpolators.superslomo.guided import Guided, UNetShape
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.guided_forward import guided_forward
from slomo_batch.training.losses import Compare, Prediction, Target, TrueMotion, total_loss
from slomo_batch.training.matched_forward import matched_forward
from slomo_batch.training.paper_forward import paper_forward
from slomo_batch.training.perceptual import PerceptualLosses, vgg_weights
from slomo_batch.training.samples import TrainingSample

TrainableNetwork = Guided | Matched | Paper
"""The networks that can be trained."""


COMPATIBLE_WEIGHTS = {
    "guided": ("superslomo-guided", "superslomo-compact"),
    "matched": ("superslomo-matched",),
    "paper": ("superslomo-paper",),
}
"""Networks whose weights can initialize each network; `guided` has the same tensors as its predecessor `compact`."""


def build_network(config: TrainingConfig) -> TrainableNetwork:
    """Build the network with its initial weights.

    Raises:
        WeightsError: `start` cannot be used, or belongs to another network.
    """
    torch.manual_seed(config.seed)
    network = _empty_network(config)
    if config.start:
        name = resolve_name(config.start)
        weights = load(shipped_file(name) if name in shipped_names() else Path(config.start))
        if weights.network not in COMPATIBLE_WEIGHTS[config.network]:
            raise WeightsError(
                "these weights belong to another network",
                where=config.start,
                expected=" or ".join(COMPATIBLE_WEIGHTS[config.network]),
                got=weights.network,
            )
        if isinstance(network, Guided) and UNetShape.of(weights.tensors) != config.shape:
            raise WeightsError(
                "these weights have another shape",
                where=config.start,
                expected=str(config.shape),
                got=str(UNetShape.of(weights.tensors)),
            )
        network.load_state_dict(weights.tensors)
    if isinstance(network, Guided) and config.zero_last_layers:
        network.zero_last_layers()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    return network


def _empty_network(config: TrainingConfig) -> TrainableNetwork:
    match config.network:
        case "guided":
            return Guided(config.shape, config.prior)
        case "matched":
            return Matched(config.num_scales, keeps_edges=config.keeps_edges)
        case "paper":
            return Paper()


def build_perceptual_losses(config: TrainingConfig, device: torch.device) -> Compare | None:
    """Build the perceptual and the style loss; None if both weights are 0 or no VGG16 weights are given.

    Raises:
        WeightsError, ManifestError: the VGG16 weights cannot be used.
    """
    losses = config.losses
    if not (losses.perceptual or losses.style) or not losses.vgg16:
        return None
    return PerceptualLosses(vgg_weights(losses.vgg16), device=device, dtype=DTYPES[config.precision])


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOutput:
    """The loss of a batch, its terms, and the prediction."""

    loss: Tensor
    terms: Mapping[str, Tensor]
    prediction: Prediction


class TrainingModel(nn.Module):
    """A network with its loss: forward returns the loss of a batch, as DistributedDataParallel needs it."""

    def __init__(self, network: TrainableNetwork, config: TrainingConfig, vgg: Compare | None) -> None:
        super().__init__()
        self.network = network
        self._config = config
        self._vgg = vgg

    def forward(self, batch: TrainingSample, num_flows: Tensor, step: int) -> LossOutput:
        """Compute the loss of a batch.

        Args:
            batch: samples, on the device of the network.
            num_flows: number of samples with known flow, averaged over all workers.
            step: decides the weight of the flow term.
        """
        pictures = {name: batch[name].float() / 255 for name in ("seen0", "seen1", "i0", "frame", "i1")}
        prediction = self._made(pictures["seen0"], pictures["seen1"], batch)
        truth = Target(
            i0=pictures["i0"],
            frame=pictures["frame"],
            i1=pictures["i1"],
            flows=batch["flows"].float(),
            has_flow=batch["has_flow"],
            num_flows=num_flows,
            motion=_motion_of(batch),
        )
        progress = step / self._config.steps
        loss, terms = total_loss(prediction, truth, self._config.losses, progress=progress, vgg=self._vgg)
        return LossOutput(loss=loss, terms=terms, prediction=prediction)

    def _made(self, i0: Tensor, i1: Tensor, batch: TrainingSample) -> Prediction:
        dtype = DTYPES[self._config.precision]
        if isinstance(self.network, Paper):
            return paper_forward(self.network, i0, i1, batch["t"], dtype=dtype)
        if isinstance(self.network, Matched):
            return matched_forward(self.network, i0, i1, batch["t"], dtype=dtype)
        return guided_forward(self.network, i0, i1, batch["prior"].float(), batch["t"], dtype=dtype)


def _motion_of(batch: TrainingSample) -> TrueMotion | None:
    if "flows_t" not in batch:
        return None
    known = {name: batch[name].float() for name in ("flows_t", "visible", "taught_error", "guide")}
    return TrueMotion(**known)


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Update the exponential moving average in place: average = decay * average + (1 - decay) * network."""
    for mean, new in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)
