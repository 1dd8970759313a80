"""The config of a training run: a YAML file whose keys are the fields of TrainingConfig."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import yaml

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.guided import UNetShape
from slomo_batch.serialization import from_json, problem_lines
from slomo_batch.settings import Precision
from slomo_batch.training.config_digest import config_digest
from slomo_batch.training.losses import LossWeights, has_any_term
from slomo_batch.training.samples import SampleConfig

BLOCK_PX = 32
"""Both networks need sizes that are multiples of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSource:
    """Videos to take windows from, given as in the inputs of a manifest."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    uri: str = ""
    """A glob, a file or a folder, local or on S3."""
    without: tuple[str, ...] = ()
    """Globs relative to the fixed part of `uri`; matching videos are excluded."""
    table: str = ""
    """Instead of `uri`: a Parquet, CSV or JSON Lines file with a column `uri`."""
    names: str = ""
    """A text file with one file name per line, as in Adobe240; only these of the videos are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSources:
    """The data that samples are made from."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    prepared: str = "training-data"
    """Folder written by `make training-data`: photographs for synthetic scenes, and film; empty: not used."""
    videos: tuple[VideoSource, ...] = ()
    """Further film to train on."""
    validation: tuple[VideoSource, ...] = ()
    """Further film to validate on; must not overlap with `videos`."""
    longest_px: int = 0
    """Pictures whose longer side exceeds this are downscaled to it; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything that decides the resulting weights, except the arithmetic of the machine."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    network: Literal["guided", "paper"] = "guided"
    """The project's own small network, or the paper's of 39.6 million parameters."""
    shape: UNetShape = field(default_factory=UNetShape)
    """Channels and kernel size of the U-Nets of `guided`; those of `paper` are fixed."""
    start: str = ""
    """Initial weights, a shipped name or a path; empty: random."""
    seed: int = 1
    steps: int
    batch: int = 8
    """Samples per step, over all workers."""
    zero_last_layers: bool = False
    """Set the last layers of `guided` to zero before the first step: it then starts from the frames of its prior flow,
    with the other layers of `start`."""
    learning_rate: float = 4e-4
    warm_up_steps: int = 100
    """Steps of linear warm-up."""
    falls: tuple[float, ...] = ()
    """Shares of the run at which the learning rate falls to a tenth; empty: cosine decay."""
    last_share: float = 0.02
    """Share of the learning rate that is left at the end of the cosine decay."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW; 0 is Adam."""
    max_gradient_norm: float = 5.0
    """Gradients are clipped to this norm; 0: never."""
    ema_decay: float = 0.999
    """Decay of the moving average of the weights, which is validated and shipped; 0: the weights themselves."""
    precision: Precision = "bf16"
    """Of convolutions; weights stay in fp32."""
    sources: DataSources = field(default_factory=DataSources)
    samples: SampleConfig = field(default_factory=SampleConfig)
    losses: LossWeights = field(default_factory=LossWeights)

    def digest(self) -> str:
        """Return the id of this config, which checkpoints and weights files store."""
        return config_digest(self)

    def problems(self) -> Iterator[str]:
        """Yield the combinations of values that are not valid."""
        if self.network == "paper" and (self.zero_last_layers or self.shape != UNetShape()):
            yield "zero_last_layers, shape: only valid for the network `guided`"
        if not self.shape.is_valid:
            yield "shape: channels must be 1 or more, and first_kernel odd"
        if self.samples.crop_px % BLOCK_PX:
            yield f"samples.crop_px: must be a multiple of {BLOCK_PX}, got {self.samples.crop_px}"
        spans, shares = self.samples.spans, self.samples.span_shares
        if len(spans) != len(shares) or abs(sum(shares) - 1) > 1e-6 or not all(2 <= span <= 8 for span in spans):
            yield "samples.spans: must be from 2 to 8 each; samples.span_shares: as many values, whose sum is 1"
        for videos in (*self.sources.videos, *self.sources.validation):
            if bool(videos.uri) == bool(videos.table):
                yield "sources: each entry needs either uri or table"
        if not self.sources.prepared and not self.sources.videos:
            yield "sources: prepared and videos are both empty"
        if not has_any_term(self.losses):
            yield "losses: every term has weight 0"
        if self.precision == "fp16":
            yield "precision: fp16 overflows in training, use bf16 or fp32"


def read_config(path: Path) -> TrainingConfig:
    """Read a config from a YAML file.

    Raises:
        ManifestError: the file is unreadable or not a valid config; the error names each wrong key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        config = from_json(TrainingConfig, json.dumps(yaml.safe_load(text)).encode())
    except OSError as error:
        raise ManifestError(f"cannot read the training config: {error.strerror}", where=str(path)) from error
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise ManifestError("invalid training config", problems=problem_lines(error), where=str(path)) from error
    problems = tuple(config.problems())
    if problems:
        raise ManifestError("invalid training config", problems=problems, where=str(path))
    return config
