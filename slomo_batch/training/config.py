"""A training run's config: YAML whose keys are the fields of TrainingConfig; what is left out has the value here."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import yaml

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.guided import UNetShape
from slomo_batch.serialization import digest, from_json, to_json
from slomo_batch.settings import Precision
from slomo_batch.training.losses import LossWeights, has_any
from slomo_batch.training.samples import SampleMix

BLOCK_PX = 32
"""Pictures of both networks are multiples of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Videos:
    """Videos that windows are taken from, named as the inputs of a manifest are."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    uri: str = ""
    """A glob, one file, a folder, or the same on S3."""
    without: tuple[str, ...] = ()
    """Globs, relative to the fixed part of `uri`; what matches one is left out."""
    table: str = ""
    """In place of `uri`: a Parquet, CSV or JSON lines file with a column `uri`."""
    names: str = ""
    """A text file of file names, a line each, as Adobe240 has them: of the videos found only these are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What samples are made of."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    prepared: str = "training-data"
    """Folder of what `make training-data` made: photographs for made scenes, and film; empty: none of it."""
    videos: tuple[Videos, ...] = ()
    """More film."""
    validation: tuple[Videos, ...] = ()
    """More film to validate on; none of it may be among `videos`."""
    longest_px: int = 0
    """Videos whose pictures' longer side is above it are averaged down to it; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything that decides the weights that come out, but the machine's arithmetic."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    network: Literal["guided", "paper"] = "guided"
    """The project's own small network, or the paper's of 39.6 million parameters."""
    shape: UNetShape = field(default_factory=UNetShape)
    """How wide the nets of `guided` are; the paper's have one shape."""
    start: str = ""
    """Shipped name or path of the weights to begin with; empty: from nothing."""
    seed: int = 1
    steps: int
    batch: int = 8
    """Samples per step, of all workers together."""
    zero_last_layers: bool = False
    """Put the last layers of `guided` to zero before the first step: it then makes frames of its prior flow, unchanged,
    and has the features of `start`, or none."""
    learning_rate: float = 4e-4
    warm_up_steps: int = 100
    falls: tuple[float, ...] = ()
    """Shares of the run at which the learning rate falls to a tenth; none: it falls along a cosine."""
    last_share: float = 0.02
    """Of the learning rate, at the end of the cosine."""
    weight_decay: float = 1e-4
    """AdamW's; 0 is Adam."""
    max_gradient_norm: float = 5.0
    """Longer gradients are shortened to it; 0: never."""
    ema_decay: float = 0.999
    """Of the moving average of the weights, which is what is validated and shipped; 0: the weights themselves."""
    precision: Precision = "bf16"
    sources: Sources = field(default_factory=Sources)
    samples: SampleMix = field(default_factory=SampleMix)
    losses: LossWeights = field(default_factory=LossWeights)

    def digest(self) -> str:
        """Names this config: equal configs, equal digest."""
        return digest(to_json(self))

    def faults(self) -> Iterator[str]:
        """What does not go together."""
        if self.network == "paper" and (self.zero_last_layers or self.shape != UNetShape()):
            yield "zero_last_layers, shape: go with the network `guided`"
        if not self.shape.is_valid:
            yield "shape: channels are 1 or more, first_kernel is odd"
        if self.samples.crop_px % BLOCK_PX:
            yield f"samples.crop_px: {self.samples.crop_px} is no multiple of {BLOCK_PX}, which the networks need"
        spans, shares = self.samples.spans, self.samples.span_shares
        if len(spans) != len(shares) or abs(sum(shares) - 1) > 1e-6 or not all(2 <= span <= 8 for span in spans):
            yield "samples.spans: from 2 to 8 frames each; samples.span_shares: as many, 1 together"
        for videos in (*self.sources.videos, *self.sources.validation):
            if bool(videos.uri) == bool(videos.table):
                yield "sources: each entry has either uri or table"
        if not self.sources.prepared and not self.sources.videos:
            yield "sources: neither prepared nor videos"
        if not has_any(self.losses):
            yield "losses: every piece has weight 0"
        if self.precision == "fp16":
            yield "precision: fp16 overflows in training; write bf16 or fp32"


def read_config(path: Path) -> TrainingConfig:
    """The config in a YAML file.

    Raises:
        ManifestError: it is not one; the message names each key that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        config = from_json(TrainingConfig, json.dumps(yaml.safe_load(text)).encode())
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise ManifestError(
            "is not a training config", problems=tuple(str(error).splitlines()), where=str(path)
        ) from error
    faults = tuple(config.faults())
    if faults:
        raise ManifestError("is not a training config that can be run", problems=faults, where=str(path))
    return config
