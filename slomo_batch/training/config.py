"""A training run's config: YAML whose keys are the fields of TrainingConfig; what is left out has the value here."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import yaml

from slomo_batch.documents import digest, from_json
from slomo_batch.errors import ManifestError
from slomo_batch.records import Precision
from slomo_batch.training.losses import LossWeights
from slomo_batch.training.samples import SampleMix


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything that decides the weights that come out, but the machine's arithmetic."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    start: str = ""
    """Shipped name or path of the weights to begin with; empty: from nothing."""
    seed: int = 1
    steps: int
    batch: int = 8
    zero_last_layers: bool = False
    """Begin with the features of `start` alone: the network then makes frames of its prior flow, unchanged."""
    learning_rate: float = 4e-4
    warm_up_steps: int = 100
    last_share: float = 0.02
    """Of the learning rate, at the end of the cosine."""
    weight_decay: float = 1e-4
    max_gradient_norm: float = 5.0
    ema_decay: float = 0.999
    precision: Precision = "bf16"
    samples: SampleMix = field(default_factory=SampleMix)
    losses: LossWeights = field(default_factory=LossWeights)

    def digest(self) -> str:
        """Names this config: equal configs, equal digest."""
        return digest(self)


def read_config(path: Path) -> TrainingConfig:
    """The config in a YAML file.

    Raises:
        ManifestError: it is not one; the message names each key that is wrong.
    """
    try:
        return from_json(TrainingConfig, json.dumps(yaml.safe_load(path.read_text(encoding="utf-8"))).encode())
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise ManifestError(
            "is not a training config", faults=tuple(str(error).splitlines()), where=str(path)
        ) from error
