"""The resolution of every `auto`: by the job for all its videos (JobPin), and by a video's plan for all its workers.

A worker never resolves an `auto`, so that differences between machines do not change a pixel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from slomo_batch.plan.batches import batch_px
from slomo_batch.plan.encoder_choice import EncoderChoice
from slomo_batch.plan.encoders import encoders_of
from slomo_batch.plan.tiles import tile_px
from slomo_batch.records.plans import Resolved
from slomo_batch.settings import Codec, Interpolate, Precision, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPin:
    """The weights that a value of `interpolate.weights` means in this job."""

    name: str
    """A shipped versioned name, or the URI."""
    sha256: str
    """SHA-256 of the weights file."""
    network: str
    """The network that the file is for; empty if the method has only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPin:
    """An interpolation method as this job uses it."""

    version: str = ""
    """Version of the package that adds the method, and of its pixels; empty for a method of slomo_batch."""
    context: int = 0
    """Source frames that the method reads beyond a pair, on either side."""
    weights: Mapping[str, WeightsPin] | None = None
    """By the value in the manifest; None if the method has no weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Decisions that a job made from its machines when it first ran."""

    precision: Precision
    threads: int
    nvenc_works: bool
    """Whether all encoders of NVENC work."""
    gpu_batches: bool = False
    """Whether networks make as many frames at once as suit a GPU: see plan/batches.py."""
    some_nvenc: str = ""
    """If not all encoders of NVENC work: the names of those that do, with spaces between them."""
    memory_bytes: int = 0
    """Memory of the first worker's GPU, or of its machine if it has none; 0 if unknown. See plan/tiles.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPin:
    """Values that the first run of a job decides. Later runs and all machines use them."""

    pixel_revision: int
    """Revision of the code. Frames of two revisions are never joined."""
    precision: Precision
    """The meaning of `precision: auto`."""
    threads: int
    """CPU threads of a worker. The rounding of sums in a convolution depends on their number."""
    nvenc_works: bool
    """Whether all encoders of NVENC work."""
    methods: Mapping[str, MethodPin]
    """The methods that the job's videos use, by name."""
    gpu_batches: bool = False
    """Whether networks make as many frames at once as suit a GPU: see plan/batches.py."""
    some_nvenc: str = ""
    """If not all encoders of NVENC work: the names of those that do, with spaces between them."""
    memory_bytes: int = 0
    """Memory of the first worker's GPU, or of its machine if it has none; 0 if unknown. See plan/tiles.py."""

    def nvenc_works_for(self, codec: Codec) -> bool:
        """Whether NVENC's encoder of this codec works."""
        working = self.some_nvenc.split()
        return any(self.nvenc_works or name in working for name in encoders_of(codec, is_nvenc=True))

    def weights_of(self, interpolate: Interpolate) -> WeightsPin | None:
        """What the settings' weights resolve to; None if their method has none."""
        weights = self.methods[interpolate.method].weights
        return None if weights is None else weights[interpolate.weights]

    def weights_name(self, settings: Settings) -> str:
        """The name of what the settings' weights resolve to; empty if their method has none."""
        weights = self.weights_of(settings.interpolate)
        return weights.name if weights else ""


FLOW_AT_HALF_FROM_PX = 1920 * 1080 * 2
"""Flow is estimated at half resolution above this number of pixels, and at a quarter above four times as many."""
EXTRA_LEVEL_FROM_PX = 1024 * 576
"""From this number of pixels on the pyramid has a fourth level, because motion grows with the picture."""
TRAINED_LEVELS = 3


def resolve(
    settings: Settings, pin: JobPin, choice: EncoderChoice, width: int, height: int, *, least_context: int
) -> Resolved:
    """Resolve the settings of one video, from the pin, the encoder and the picture size.

    `least_context` is the number of source frames on either side of a pair that are always read.
    """
    interpolate = settings.interpolate
    method, weights = pin.methods[interpolate.method], pin.weights_of(interpolate)
    network = weights.network if weights else ""
    precision = pin.precision if interpolate.precision == "auto" else interpolate.precision
    return Resolved(
        precision=precision,
        flow_scale=flow_scale(width, height) if interpolate.flow_scale == "auto" else interpolate.flow_scale,
        weights_name=weights.name if weights else "",
        weights_sha256=weights.sha256 if weights else "",
        threads=pin.threads,
        pyramid_levels=pyramid_levels(width, height) if has_pyramid(network) else 1,
        encoder=choice.encoder,
        encoder_options=choice.options,
        pixel_format=choice.pixel_format,
        context=max(least_context, method.context),
        audio=_audio(settings),
        method_version=method.version,
        batch_px=batch_px(network, for_gpu=pin.gpu_batches),
        tile_px=tile_px(
            interpolate.tiles,
            network,
            width=width,
            height=height,
            precision=precision,
            memory_bytes=pin.memory_bytes,
        ),
    )


def has_pyramid(network: str) -> bool:
    """Return whether a network estimates flow on a pyramid whose levels depend on the picture size."""
    return network == "superslomo-compact"


def flow_scale(width: int, height: int) -> Fraction:
    """Return the resolution of flow estimation for `flow_scale: auto`, relative to the picture."""
    if width * height > 4 * FLOW_AT_HALF_FROM_PX:
        return Fraction(1, 4)
    return Fraction(1, 2) if width * height > FLOW_AT_HALF_FROM_PX else Fraction(1)


def pyramid_levels(width: int, height: int) -> int:
    """Return the levels of a coarse-to-fine flow network for this picture size."""
    return TRAINED_LEVELS + (width * height >= EXTRA_LEVEL_FROM_PX)


def _audio(settings: Settings) -> Literal["keep", "stretch", "resample", "drop"]:
    if settings.audio == "auto":
        return "keep" if settings.retime.slowdown == 1 and not settings.retime.ramp else "stretch"
    return settings.audio
