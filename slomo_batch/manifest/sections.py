"""The sections of a manifest. Those that hold settings follow from the records that declare them.

A section records which of its values were set, so that one can be merged over another. An empty value counts as absent.
Unknown keys are errors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from slomo_batch.declarations import DeclaredSetting, declaration_of
from slomo_batch.manifest import value_types
from slomo_batch.manifest.literal import LiteralLocation
from slomo_batch.manifest.scalars import invalid
from slomo_batch.manifest.value_types import value_type
from slomo_batch.settings import Budget, Chunks, Cluster, FpsTarget, Retries, VideoLimits, VideoSettings
from slomo_batch.storage.s3_options import OwnOptions, S3Options, StorageOptions

R = TypeVar("R")
S = TypeVar("S", bound="Section")
DESCRIBED_IN_DOCSTRINGS = ConfigDict(use_attribute_docstrings=True)
"""Of sections with keys that are not made from a record. Pydantic parses their source for it, which takes time."""


class Section(BaseModel):
    """A mapping in the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    declared: ClassVar[type | None] = None
    """The record that the whole section was made from, by `section_of`."""

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

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle a section that was made from a record by that record: its class has no name in a module."""
        if self.declared is None:
            return super().__reduce__()
        return _unpickled, (self.declared, self.__getstate__())

    def record(self, kind: type[R]) -> R:
        """Return the record whose declarations are keys of this section, with the section's values."""
        kinds = get_type_hints(kind)
        values = {}
        for one in fields(kind):  # type: ignore[arg-type]  # R is a dataclass
            value = getattr(self, one.name)
            values[one.name] = value.record(kinds[one.name]) if isinstance(value, Section) else value
        return kind(**values)


def _described(data: object) -> str:
    if data is None:
        return "nothing"
    return "a list" if isinstance(data, list) else repr(data)


# ---- sections from declarations ------------------------------------------------------------------------------------


def with_settings(record: type) -> Callable[[type[S]], type[S]]:
    """Return a class decorator that adds the settings of a record, and the sections in it, to a section."""

    def decorate(section: type[S]) -> type[S]:
        name, module = section.__name__, section.__module__
        return create_model(name, __base__=section, __module__=module, __doc__=section.__doc__, **_keys(record))

    return decorate


@cache
def section_of(record: type) -> type[Section]:
    """Return the section whose keys are the settings of a record."""
    section = create_model(f"{record.__name__}Section", __base__=Section, __doc__=record.__doc__, **_keys(record))
    section.declared = record
    return section


def _unpickled(record: type, state: dict[str, Any]) -> Section:
    kind = section_of(record)
    section = kind.__new__(kind)
    section.__setstate__(state)
    return section


def _keys(record: type) -> dict[str, Any]:
    """The type of each key, and its field for pydantic."""
    kinds = get_type_hints(record)
    keys: dict[str, Any] = {}
    for one in fields(record):
        kind, declaration = kinds[one.name], declaration_of(one)
        if declaration is not None:
            declared = DeclaredSetting(path=one.name, kind=kind, default=one.default, declaration=declaration)
            keys[one.name] = (_type_of(declared), _field(declared))
        elif is_dataclass(kind):
            section = section_of(kind)  # type: ignore[arg-type]  # a dataclass in an annotation is its class
            keys[one.name] = (section, Field(default_factory=section))
    return keys


def _type_of(declared: DeclaredSetting) -> Any:
    return _buckets_type() if declared.declaration.form == "buckets" else value_type(declared)


def _buckets_type() -> Any:
    """The type of options for single buckets: a section for each bucket, which becomes pairs of its options."""
    section = section_of(S3Options)
    return Annotated[
        dict[value_types.Bucket, section],  # type: ignore[valid-type]  # a class that is made here
        AfterValidator(_own_options),
        PlainSerializer(lambda buckets: {bucket: dict(own) for bucket, own in buckets}),
    ]


def _own_options(sections: Mapping[str, Section]) -> tuple[tuple[str, OwnOptions], ...]:
    return tuple(
        (bucket, tuple((name, getattr(section, name)) for name in sorted(section.model_fields_set)))
        for bucket, section in sorted(sections.items())
    )


def _field(declared: DeclaredSetting) -> FieldInfo:
    default = declared.default
    written = str(default) if isinstance(default, FpsTarget) else default
    written = int(default) if isinstance(default, Fraction) and default.denominator == 1 else written
    doc = declared.declaration.doc
    extra: Any = _drop_default if default == () else {"default": written}
    field: FieldInfo = Field(default=default, description=doc, json_schema_extra=extra)
    return field


def _drop_default(schema: dict[str, Any]) -> None:
    """Leave out an empty default, which may be a list or a mapping, from a JSON Schema."""
    schema.pop("default", None)


# ---- the sections --------------------------------------------------------------------------------------------------


@with_settings(VideoSettings)
class VideoSections(Section):
    """Settings of a video, which the manifest, an input, a row of a catalog and --set can set."""

    def sections(self) -> "VideoSections":
        """Return only the settings of a video, with the values that were set."""
        written = {name: getattr(self, name) for name in VideoSections.model_fields if name in self.model_fields_set}
        return VideoSections.model_construct(_fields_set=set(written), **written)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Settings of a job that are not those of a video, or that all its videos share."""

    chunks: Chunks = field(default_factory=Chunks)
    cluster: Cluster = field(default_factory=Cluster)
    retries: Retries = field(default_factory=Retries)
    budget: Budget = field(default_factory=Budget)
    storage: StorageOptions = field(default_factory=StorageOptions)
    limits: VideoLimits = field(default_factory=VideoLimits)


class InputSpec(VideoSections):
    """Videos, by `uri` or by `table`. The settings of an input override the manifest's."""

    model_config = DESCRIBED_IN_DOCSTRINGS | ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["uri"]}, {"required": ["table"]}]}
    )

    uri: value_types.Location = ""
    """A file, a folder or a glob (s3://bucket/2019/**/*.mp4); local, file:// or s3://."""
    excluded: tuple[value_types.Text, ...] = Field(default=(), alias="except")
    """Globs to leave out, relative to the fixed part of `uri`: the folder before its first wildcard."""
    table: value_types.TableLocation = ""
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
        spec._is_literal = isinstance(data, Mapping) and isinstance(data.get("uri"), LiteralLocation)  # noqa: SLF001 of this very class
        return spec

    @property
    def is_literal(self) -> bool:
        """Whether `uri` is the literal name of one file: a `*` in it is not a wildcard."""
        return self._is_literal


class OutputSpec(Section):
    """Names of the outputs."""

    model_config = DESCRIBED_IN_DOCSTRINGS

    uri: value_types.Template
    """The name of each output: a path or s3:// URI with the placeholders {relpath}, {stem}, {name} and {ext} of the
    source. Its suffix selects the container."""
    exists: value_types.ExistsChoice = "skip"
    """What to do if a file with the output's name exists and this job did not make it from this source with these
    settings: replace overwrites it; with skip and fail the video fails. If only the source has changed since, skip
    replaces it too."""
    sidecar: value_types.Flag = True
    """Write a JSON file beside each output, which says which frames are the source's own and how the others were
    made."""
