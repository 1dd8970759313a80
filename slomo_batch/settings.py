"""Settings: everything that a person decides about the output of one video.

A default here is the value that the first version had: ids are made of it (see `plan.id_inputs`).
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Method = Literal["duplicate", "blend", "mci", "flow", "superslomo"]
NetworkName = Literal["superslomo-paper", "superslomo-compact", "superslomo-guided"]
Codec = Literal["h264", "hevc", "av1", "prores", "ffv1"]
Precision = Literal["fp32", "bf16", "fp16"]
AudioMode = Literal["auto", "keep", "stretch", "resample", "drop"]
Exists = Literal["skip", "replace", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FpsTarget:
    """The output frame rate of the manifest."""

    kind: Literal["source", "rate", "multiple"]
    """The source's own rate, a fixed one, or a multiple of the source's."""
    value: Fraction
    """Frames per second for `rate`, the factor for `multiple`, 1 for `source`."""

    def of(self, source_rate: Fraction) -> Fraction:
        """Output frames per second for a source of `source_rate` frames per second."""
        return self.value if self.kind == "rate" else source_rate * self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Retime:
    """How the source's time maps to the output's."""

    slowdown: Fraction = Fraction(4)
    """How much longer the output lasts, >= 1."""
    fps: FpsTarget = FpsTarget(kind="source", value=Fraction(1))
    """The output frame rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolate:
    """How frames between source frames are interpolated."""

    method: Method = "superslomo"
    weights: str = "compact"
    """A shipped name, or the URI of a .safetensors or public .ckpt file."""
    cuts: Literal["hold", "ignore"] = "hold"
    """At a scene cut: hold the nearest source frame, or interpolate across it."""
    duplicates: Literal["keep"] = "keep"
    """A repeated source frame is copied, without running the model."""
    precision: Literal["auto"] | Precision = "auto"
    flow_scale: Literal["auto"] | Fraction = "auto"
    """Resolution at which flow is estimated: 1, 1/2 or 1/4 of the picture's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode:
    """How the output is encoded."""

    codec: Codec = "h264"
    quality: int = 18
    """Constant quality: crf of h264, hevc (0 to 51) and av1 (0 to 63); profile of prores (0 to 5); unused by ffv1."""
    preset: str = "medium"
    encoder: str = "auto"
    """auto, software, nvenc, or FFmpeg's name of an encoder."""
    pixel_format: str = "auto"
    """auto, or FFmpeg's name of a planar YUV or gray format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one video, as composed: defaults < manifest < input < table row < --set."""

    retime: Retime = field(default_factory=Retime)
    interpolate: Interpolate = field(default_factory=Interpolate)
    audio: AudioMode = "auto"
    encode: Encode = field(default_factory=Encode)
    pairs_per_chunk: Literal["auto"] | int = "auto"
    """Source pairs per chunk; auto: from picture size and settings."""
    max_held_frames: int = 12
    """The video fails if more source frames than this cannot be decoded and are replaced by a neighbor."""
