"""What is trained: a network by its config, the loss of a batch with gradients, how the weights' average follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from slomo_batch.errors import WeightsError
from slomo_batch.interpolators.superslomo.guided import Guided, UNetShape
from slomo_batch.interpolators.superslomo.inference import DTYPES
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.losses import Made, Penalty, Truth, total
from slomo_batch.training.perceptual import Perceptual, vgg_weights
from slomo_batch.training.samples import Sample
from slomo_batch.training.unrolled import unrolled
from slomo_batch.training.unrolled_paper import unrolled_paper

Network = Guided | Paper
"""What can be trained."""


STARTS = {"guided": ("superslomo-guided", "superslomo-compact"), "paper": ("superslomo-paper",)}
"""Networks whose weights each can begin with: the tensors of `guided` are those of its forerunner."""


def network_of(config: TrainingConfig) -> Network:
    """The network with the weights to begin with.

    Raises:
        WeightsError: `start` cannot be used, or is another network's.
    """
    torch.manual_seed(config.seed)
    network: Network = Paper() if config.network == "paper" else Guided(config.shape)
    if config.start:
        name = resolve_name(config.start)
        weights = load(shipped_file(name) if name in shipped_names() else Path(config.start))
        if weights.network not in STARTS[config.network]:
            raise WeightsError(
                "these weights are of another network",
                where=config.start,
                expected=" or ".join(STARTS[config.network]),
                got=weights.network,
            )
        if isinstance(network, Guided) and UNetShape.of(weights.tensors) != config.shape:
            raise WeightsError(
                "these weights are of another shape",
                where=config.start,
                expected=str(config.shape),
                got=str(UNetShape.of(weights.tensors)),
            )
        network.load_state_dict(weights.tensors)
    if isinstance(network, Guided) and config.zero_last_layers:
        network.zero_last_layers()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    return network


def perceptual_of(config: TrainingConfig, device: torch.device) -> Penalty | None:
    """The perceptual loss where it has a weight, and its network weights; None: it is off.

    Raises:
        WeightsError: the weights cannot be used.
    """
    if not config.losses.perceptual or not config.losses.vgg16:
        return None
    weights = vgg_weights(Path(config.losses.vgg16).expanduser())
    return Perceptual(weights, device=device, dtype=DTYPES[config.precision])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The loss of a batch, and what it is of."""

    loss: Tensor
    pieces: Mapping[str, Tensor]
    made: Made


class TrainingModel(nn.Module):
    """A network, and the loss of what it makes of a batch: what is run, and differentiated, at each step."""

    def __init__(self, network: Network, config: TrainingConfig, perceptual: Penalty | None) -> None:
        super().__init__()
        self.network = network
        self._config = config
        self._perceptual = perceptual

    def forward(self, batch: Sample, num_flows: Tensor, step: int) -> Judged:
        """The loss at a step.

        Args:
            batch: samples, on the network's device.
            num_flows: those with a known flow, the mean over all workers.
            step: which decides the share of the flow.
        """
        pictures = {name: batch[name].float() / 255 for name in ("seen0", "seen1", "i0", "frame", "i1")}
        made = self._made(pictures["seen0"], pictures["seen1"], batch)
        truth = Truth(
            i0=pictures["i0"],
            frame=pictures["frame"],
            i1=pictures["i1"],
            flows=batch["flows"].float(),
            has_flow=batch["has_flow"],
            num_flows=num_flows,
        )
        progress = step / self._config.steps
        loss, pieces = total(made, truth, self._config.losses, progress=progress, perceptual=self._perceptual)
        return Judged(loss=loss, pieces=pieces, made=made)

    def _made(self, i0: Tensor, i1: Tensor, batch: Sample) -> Made:
        dtype = DTYPES[self._config.precision]
        if isinstance(self.network, Paper):
            return unrolled_paper(self.network, i0, i1, batch["t"], dtype=dtype)
        return unrolled(self.network, i0, i1, batch["prior"].float(), batch["t"], dtype=dtype)


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a step towards the network."""
    for mean, new in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)
