"""The sections of a manifest, with their defaults and descriptions.

A section records which of its values were set, so that one can be merged over another. An empty value counts as absent.
Unknown keys are errors.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from slomo_batch.manifest import values
from slomo_batch.manifest.literal import LiteralUri
from slomo_batch.manifest.values import invalid
from slomo_batch.settings import AudioMode, Codec, Encode, FpsTarget, Interpolate, Method, Precision, Retime


class Section(BaseModel):
    """A mapping in the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            raise invalid(f"expected a mapping (lines of `key: value`), got {_described(data)}")
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in data.items() if key not in known or value not in (None, "")}

    def under(self, top: Self) -> Self:
        """Return this section, with the values that are set in `top` replacing its own."""
        merged: dict[str, object] = {}
        for name in top.model_fields_set:
            value = getattr(top, name)
            merged[name] = getattr(self, name).under(value) if isinstance(value, Section) else value
        return self.model_copy(update=merged)


def _described(data: object) -> str:
    if data is None:
        return "nothing"
    return "a list" if isinstance(data, list) else repr(data)


class RetimeSection(Section):
    """Time: duration and frame rate of the output."""

    slowdown: values.Slowdown = Fraction(4)
    """How many times longer the output lasts: a number of 1 or more, such as 4, 2.5 or "5/2". 1 keeps the duration."""
    fps: values.Fps = Field(
        default=FpsTarget(kind="source", value=Fraction(1)), json_schema_extra={"default": "source"}
    )
    """Frame rate of the output, in frames per second: source (the source's), a fixed rate (60, "60000/1001"), or a
    multiple of the source's (x2)."""

    def record(self) -> Retime:
        """Return the record of these settings."""
        return Retime(slowdown=self.slowdown, fps=self.fps)


class InterpolateSection(Section):
    """New frames: how the frames between source frames are made."""

    method: values.MethodName = "superslomo"
    """How frames are made: superslomo (the neural network), flow (classical optical flow), mci (motion-compensated
    blocks), blend (a cross-fade), or duplicate (the nearest source frame)."""
    weights: values.Weights = "compact"
    """Weights of the network: a shipped name, or the URI of a .safetensors file or of the public SuperSloMo.ckpt.
    compact means the newest shipped compact-N; the job's first run decides which one that is."""
    cuts: values.Cuts = "hold"
    """At a scene cut: hold shows the nearest source frame, ignore interpolates across the cut."""
    duplicates: values.Duplicates = "keep"
    """What to do with a repeated source frame: keep shows it again, without running the network."""
    doubt: values.Doubt = "trust"
    """What to do where the network's own output suggests that it failed: trust uses the frame."""
    precision: values.PrecisionName = "auto"
    """Number format of the network's arithmetic. The job's first run decides what auto means."""
    flow_scale: values.FlowScale = "auto"
    """The resolution at which motion is estimated, relative to the picture. auto depends on the size of the picture."""

    def record(self) -> Interpolate:
        """Return the record of these settings."""
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
    """Encoding of the output."""

    codec: values.CodecName = "h264"
    """The video codec."""
    quality: values.Count = 18
    """h264 and hevc: CRF, 0 to 51; av1: CRF, 0 to 63; lower means better quality and larger files. prores: the profile,
    0 (proxy) to 5 (4444 XQ). ffv1 is lossless and ignores it."""
    preset: values.Text = "medium"
    """Speed against file size: ultrafast, superfast, veryfast, faster, fast, medium, slow, slower or veryslow. prores
    and ffv1 ignore it."""
    encoder: values.Text = "auto"
    """auto, software, nvenc, or FFmpeg's name of an encoder. auto uses NVENC if its encoders work on the machine,
    otherwise software."""
    pixel_format: values.Text = "auto"
    """auto, or FFmpeg's name of a pixel format, such as yuv420p10le."""

    def record(self) -> Encode:
        """Return the record of these settings."""
        codec: Codec = self.codec
        return Encode(
            codec=codec,
            quality=self.quality,
            preset=self.preset,
            encoder=self.encoder,
            pixel_format=self.pixel_format,
        )


class VideoSections(Section):
    """Settings of a video, which the manifest, an input, a row of a catalog and --set can set."""

    retime: RetimeSection = Field(default_factory=RetimeSection)
    interpolate: InterpolateSection = Field(default_factory=InterpolateSection)
    audio: values.Audio = "auto"
    """What happens to the audio tracks: keep (copy, only with slowdown 1), stretch (keeps the pitch), resample (the
    pitch falls) or drop. auto: keep with slowdown 1, otherwise stretch."""
    encode: EncodeSection = Field(default_factory=EncodeSection)

    @property
    def audio_mode(self) -> AudioMode:
        """What happens to the audio tracks."""
        return self.audio

    def sections(self) -> "VideoSections":
        """Return only the settings of a video, with the values that were set."""
        written = {name: getattr(self, name) for name in VideoSections.model_fields if name in self.model_fields_set}
        return VideoSections.model_construct(_fields_set=set(written), **written)


class InputSpec(VideoSections):
    """Videos, by `uri` or by `table`. The settings of an input override the manifest's."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["uri"]}, {"required": ["table"]}]})

    uri: values.Location = ""
    """A file, a folder or a glob (s3://bucket/2019/**/*.mp4); local, file:// or s3://."""
    excluded: tuple[values.Text, ...] = Field(default=(), alias="except")
    """Globs to leave out, relative to the fixed part of `uri`: the folder before its first wildcard."""
    table: values.TableLocation = ""
    """A catalog: a table in Parquet, CSV or JSON lines with a column `uri`, one video per row. Columns with the names
    of settings, such as `retime.slowdown`, apply to their row."""

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, data: object) -> object:
        if isinstance(data, str):
            raise invalid(f"expected a mapping, got a single value; use `- uri: {data}`")
        if not isinstance(data, Mapping):
            return data
        if data.get("uri") and data.get("table"):
            raise invalid("has both uri and table; use two inputs")
        if not data.get("uri") and not data.get("table"):
            raise invalid("has neither uri nor table")
        if data.get("except") and not data.get("uri"):
            raise invalid("except is not supported with table")
        return data

    _is_literal: bool = False

    @model_validator(mode="wrap")
    @classmethod
    def _mark_literal(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        spec = handler(data)
        spec._is_literal = isinstance(data, Mapping) and isinstance(data.get("uri"), LiteralUri)  # noqa: SLF001 of this very class
        return spec

    @property
    def is_literal(self) -> bool:
        """Whether `uri` is the literal name of one file: a `*` in it is not a wildcard."""
        return self._is_literal


class OutputSpec(Section):
    """Names of the outputs."""

    uri: values.Template
    """The name of each output: a path or s3:// URI with the placeholders {relpath}, {stem}, {name} and {ext} of the
    source. Its suffix selects the container."""
    exists: values.Exists = "skip"
    """What to do if a file with the output's name exists and this job did not make it from this source with these
    settings: replace overwrites it; with skip and fail the video fails. If only the source has changed since, skip
    replaces it too."""


class ChunksSection(Section):
    """Chunks, the units of work."""

    pairs: values.AutoCount = "auto"
    """How many pairs of source frames make a chunk. auto depends only on picture size and settings."""


class WorkersSection(Section):
    """Number of workers."""

    min: values.Count = 0
    """Workers to keep even if there is no work for them."""
    max: values.AutoCount = "auto"
    """The most workers. auto: 8, or fewer if there is no room or no work for them."""
    hang_s: values.Count = 3600
    """A worker hangs if it spends this many seconds on one chunk, or 20 times as long as the slowest chunk of that size
    so far, whichever is longer. It is then killed, and the chunk is tried elsewhere."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max != "auto" and self.min > self.max:
            raise invalid(f"min must not exceed max, got min {self.min} and max {self.max}")
        return self


class ClusterSection(Section):
    """The Ray cluster and its workers."""

    address: values.Address = "auto"
    """Where the work runs: auto (the cluster of this machine, or else a local Ray), inline (this process, without Ray),
    local (a new local Ray), or the address of a Ray cluster."""
    workers: WorkersSection = Field(default_factory=WorkersSection)
    gpus_per_worker: values.Share = Fraction(1)
    """GPUs for each worker, if there are any, also fractions; 0 uses none."""
    cpus_per_worker: values.AutoCount = "auto"
    """CPUs for each worker without a GPU, and threads of its network. auto: 1."""


class RetriesSection(Section):
    """Retries."""

    chunk: values.Count = 3
    """How often a chunk is tried again after its first attempt failed."""


class StorageSection(Section):
    """S3 storage. Credentials come from the environment, a profile or the machine's role, never from a manifest."""

    endpoint_url: values.Endpoint = ""
    """Another S3 server than AWS."""
    region: values.Text = ""
    """The region of the buckets."""
    sse_kms_key_id: values.Text = ""
    """The KMS key that encrypts everything the job writes."""
    expected_bucket_owner: values.Owner = ""
    """The AWS account that must own the buckets: 12 digits, in quotes."""
    requester_pays: values.Flag = False
    """Agree to pay for reading from requester-pays buckets."""
    addressing_style: values.AddressingStyle = "auto"
    """path puts the bucket into the path of the URL instead of the host name."""


class LimitsSection(Section):
    """Tolerances."""

    max_held_frames: values.Count = 12
    """How many source frames may be impossible to decode. Each is replaced by its neighbor; with more of them, the
    video fails."""
