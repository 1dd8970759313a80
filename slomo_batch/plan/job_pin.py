"""Every `auto` decided once: by the job for all its videos (JobPin), and by a video's plan for all its workers.

A worker decides nothing: what it finds on its own machine must not change a pixel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from slomo_batch.plan.encoders import EncoderChoice
from slomo_batch.records import Resolved
from slomo_batch.settings import NetworkName, Precision, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPin:
    """What one `interpolate.weights` of the manifest stands for in this job."""

    name: str
    """A shipped versioned name, or the URI."""
    sha256: str
    """Of the weights' bytes."""
    network: NetworkName


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Decisions that a job made from its machines when it first ran."""

    precision: Precision
    threads: int
    nvenc_works: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPin:
    """What a job decided when it first ran; later runs and all machines follow it."""

    pixel_revision: int
    """Of the code that runs: frames of two revisions are never joined."""
    precision: Precision
    """What `precision: auto` means."""
    threads: int
    """CPU threads of one worker: sums in a convolution depend on it."""
    nvenc_works: bool
    weights: Mapping[str, WeightsPin]
    """By the spelling of the manifest."""

    def weights_name(self, settings: Settings) -> str:
        """What the settings' weights resolve to; empty if their method has none."""
        interpolate = settings.interpolate
        return self.weights[interpolate.weights].name if interpolate.method == "superslomo" else ""


FLOW_AT_HALF_FROM_PX = 1920 * 1080 * 2
"""Pictures of more pixels than this estimate flow at half resolution; of four times as many at a quarter."""
EXTRA_LEVEL_FROM_PX = 1024 * 576
"""The pyramid gets a fourth level from here on: motion grows with the picture."""
TRAINED_LEVELS = 3


def resolve(
    settings: Settings, pin: JobPin, choice: EncoderChoice, width: int, height: int, *, context: int
) -> Resolved:
    """The numeric class and the encoder of one video: a pure function of settings, pin and picture size."""
    interpolate = settings.interpolate
    weights = pin.weights[interpolate.weights] if interpolate.method == "superslomo" else None
    pyramid = weights is not None and weights.network == "superslomo-compact"
    return Resolved(
        precision=pin.precision if interpolate.precision == "auto" else interpolate.precision,
        flow_scale=flow_scale(width, height) if interpolate.flow_scale == "auto" else interpolate.flow_scale,
        weights_name=weights.name if weights else "",
        weights_sha256=weights.sha256 if weights else "",
        threads=pin.threads,
        pyramid_levels=pyramid_levels(width, height) if pyramid else 1,
        encoder=choice.encoder,
        encoder_options=choice.options,
        pixel_format=choice.pixel_format,
        context=context,
        audio=_audio(settings),
    )


def flow_scale(width: int, height: int) -> Fraction:
    """Resolution at which flow is estimated when the settings leave it open."""
    if width * height > 4 * FLOW_AT_HALF_FROM_PX:
        return Fraction(1, 4)
    return Fraction(1, 2) if width * height > FLOW_AT_HALF_FROM_PX else Fraction(1)


def pyramid_levels(width: int, height: int) -> int:
    """Levels of a coarse-to-fine flow network for this picture size."""
    return TRAINED_LEVELS + (width * height >= EXTRA_LEVEL_FROM_PX)


def _audio(settings: Settings) -> Literal["keep", "stretch", "resample", "drop"]:
    if settings.audio == "auto":
        return "keep" if settings.retime.slowdown == 1 else "stretch"
    return settings.audio
