"""The sections of a manifest. A section knows which of its values were written, so that one can be laid over another.

An empty value is an absent one. Unknown keys are refused; what a later version will take is refused by its name.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slomo_batch.manifest import values
from slomo_batch.manifest.values import invalid
from slomo_batch.settings import AudioMode, Codec, Encode, FpsTarget, Interpolate, Method, Precision, Retime


class Section(BaseModel):
    """A mapping of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            raise invalid(f"a mapping belongs here (lines of `key: value`), got {_described(data)}")
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in data.items() if key not in known or value not in (None, "")}

    def under(self, top: Self) -> Self:
        """This section with everything that was written in `top` laid over it."""
        laid: dict[str, object] = {}
        for name in top.model_fields_set:
            value = getattr(top, name)
            laid[name] = getattr(self, name).under(value) if isinstance(value, Section) else value
        return self.model_copy(update=laid)


def _described(data: object) -> str:
    if data is None:
        return "nothing"
    return "a list" if isinstance(data, list) else repr(data)


class RetimeSection(Section):
    """How the source's time maps to the output's."""

    slowdown: values.Slowdown = Fraction(4)
    """How much longer it lasts: any rational >= 1, like 4, 2.5 or "5/2"; 1 keeps the duration."""
    fps: values.Fps = Field(
        default=FpsTarget(kind="source", value=Fraction(1)), json_schema_extra={"default": "source"}
    )
    """Output frame rate: source, 60, "60000/1001", or x2 for a multiple of the source's."""

    def record(self) -> Retime:
        """As the plan wants it."""
        return Retime(slowdown=self.slowdown, fps=self.fps)


class InterpolateSection(Section):
    """How the frames between source frames are made."""

    method: values.MethodName = "superslomo"
    """superslomo is the network; the others need no weights."""
    weights: values.Weights = "compact"
    """A shipped name (compact is the newest compact-N), or the URI of a .safetensors or a public SuperSloMo.ckpt."""
    cuts: values.Cuts = "hold"
    """At a scene cut: hold the nearest source frame, or interpolate across it."""
    duplicates: values.Duplicates = "keep"
    """A repeated source frame is copied, no model is run."""
    doubt: values.Doubt = "trust"
    """Where the model's own evidence says it failed."""
    precision: values.PrecisionName = "auto"
    """Of the network's arithmetic; auto is decided once per job from its machines."""
    flow_scale: values.FlowScale = "auto"
    """Resolution at which flow is estimated: 1, 1/2 or 1/4 of the picture's; auto goes by the picture's size."""

    def record(self) -> Interpolate:
        """As the plan wants it."""
        method: Method = self.method
        precision: Literal["auto"] | Precision = self.precision
        return Interpolate(
            method=method,
            weights=self.weights,
            cuts=self.cuts,
            duplicates=self.duplicates,
            precision=precision,
            flow_scale=self.flow_scale,
        )


class EncodeSection(Section):
    """How the output is coded."""

    codec: values.CodecName = "h264"
    quality: values.Count = 18
    """Lower is better: crf of h264 and hevc (0 to 51) and av1 (0 to 63). prores: its profile, 0 to 5. ffv1 has none."""
    preset: values.Text = "medium"
    """The encoder's preset."""
    encoder: values.Text = "auto"
    """auto, software, nvenc, or FFmpeg's name of an encoder."""
    pixel_format: values.Text = "auto"
    """auto, or FFmpeg's name of a pixel format, like yuv420p10le."""

    def record(self) -> Encode:
        """As the plan wants it."""
        codec: Codec = self.codec
        return Encode(
            codec=codec,
            quality=self.quality,
            preset=self.preset,
            encoder=self.encoder,
            pixel_format=self.pixel_format,
        )


class VideoSections(Section):
    """What can be set for a single video: in the manifest, by an input, by a row of a table, by --set."""

    retime: RetimeSection = Field(default_factory=RetimeSection)
    interpolate: InterpolateSection = Field(default_factory=InterpolateSection)
    audio: values.Audio = "auto"
    """keep (at slowdown 1), stretch (pitch kept), resample (pitch falls), drop; auto: keep or stretch."""
    encode: EncodeSection = Field(default_factory=EncodeSection)

    @property
    def audio_mode(self) -> AudioMode:
        """What becomes of the sound."""
        return self.audio

    def sections(self) -> "VideoSections":
        """The four sections alone, with what was written in them."""
        written = {name: getattr(self, name) for name in VideoSections.model_fields if name in self.model_fields_set}
        return VideoSections.model_construct(_fields_set=set(written), **written)


class InputSpec(VideoSections):
    """Videos to be made: files by `uri`, or the rows of a `table`; its own settings go over the manifest's."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["uri"]}, {"required": ["table"]}]})

    uri: values.Place = ""
    """A glob (s3://bucket/2019/**/*.mp4), one object, or a local file or folder."""
    excluded: tuple[values.Text, ...] = Field(default=(), alias="except")
    """Globs, relative to the fixed part of `uri`; what matches one is left out."""
    table: values.TablePlace = ""
    """A Parquet, CSV or JSON lines file with a column `uri`; columns like `retime.slowdown` are settings of the row."""

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, data: object) -> object:
        if isinstance(data, str):
            raise invalid(f"an input is a mapping; write `- uri: {data}`")
        if not isinstance(data, Mapping):
            return data
        if data.get("uri") and data.get("table"):
            raise invalid("has both uri and table; make two inputs of it")
        if not data.get("uri") and not data.get("table"):
            raise invalid("has neither uri nor table")
        if data.get("except") and not data.get("uri"):
            raise invalid("except goes with uri; a table lists what it means")
        return data


class OutputSpec(Section):
    """Where outputs go."""

    uri: values.Template
    """One name per video, with {relpath}, {stem}, {name} and {ext} of its source; the suffix decides the container."""
    exists: values.Exists = "skip"
    """When the output is there: skip (if made from this very source and these settings), replace, fail."""


class ChunksSection(Section):
    """How videos are divided."""

    pairs: values.AutoCount = "auto"
    """Source pairs per chunk; auto goes by picture size and settings."""


class WorkersSection(Section):
    """How many workers make frames."""

    min: values.Count = 0
    max: values.AutoCount = "auto"
    """auto: as many as there is room and work for."""
    hang_s: values.Count = 3600
    """Seconds before which no worker counts as hanging, however long it takes."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max != "auto" and self.min > self.max:
            raise invalid(f"min is {self.min}, more than max, {self.max}")
        return self


class ClusterSection(Section):
    """Where the work runs."""

    address: values.Address = "auto"
    """auto (the cluster this runs on, else a local Ray), inline (this process, no Ray), local, or a Ray address."""
    workers: WorkersSection = Field(default_factory=WorkersSection)
    gpus_per_worker: values.Share = Fraction(1)
    """GPUs, or a share of one, that a worker takes where there are GPUs; 0: never."""
    cpus_per_worker: values.AutoCount = "auto"
    """CPUs that a worker takes."""


class RetriesSection(Section):
    """How often to try again."""

    chunk: values.Count = 3
    """Attempts after the first at one chunk."""


class StorageSection(Section):
    """How S3 is reached. Credentials come the ordinary ways of boto3, never from here."""

    endpoint_url: values.Endpoint = ""
    """Another server than AWS."""
    region: values.Text = ""
    sse_kms_key_id: values.Text = ""
    """Key with which everything written is encrypted."""
    expected_bucket_owner: values.Owner = ""
    """AWS account that must own the buckets."""
    requester_pays: values.Flag = False
    addressing_style: values.AddressingStyle = "auto"


class LimitsSection(Section):
    """What is put up with."""

    max_held_frames: values.Count = 12
    """Source frames that cannot be decoded and are held from a neighbour, beyond which the video fails."""
